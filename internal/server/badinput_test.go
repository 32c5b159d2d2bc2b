package server

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/bind"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/filter"
)

func TestBadInput(t *testing.T) {
	pod := `"Pod":` + podJSON
	tests := []struct {
		name, path, body string
		status           int
		want             string
	}{
		{"empty body", "/filter", "", 400, "empty"},
		{"not JSON", "/filter", "{Pod", 400, "invalid character"},
		{"cut off", "/filter", `{"Pod":`, 400, "unexpected EOF"},
		{"an array", "/filter", "[]", 400, "the body: must be an object, not array"},
		{"null", "/filter", "null", 400, "Pod: required"},
		{"goes on", "/filter", `{` + pod + `,"NodeNames":[]}{}`, 400, "goes on"},
		{"unknown field", "/filter", `{` + pod + `,"NodeNames":[],"Nodez":null}`, 400, `"Nodez"`},
		{"null pod", "/filter", `{"Pod":null,"NodeNames":["n1"]}`, 400, "Pod: required"},
		{"pod of the wrong type", "/filter", `{"Pod":7,"NodeNames":["n1"]}`, 400, "Pod: must be an object, not number"},
		{"pod without a name", "/filter", `{"Pod":{},"NodeNames":["n1"]}`, 400, "Pod.metadata.name"},
		{"pod without a UID", "/filter", `{"Pod":{"metadata":{"name":"p"}},"NodeNames":["n1"]}`, 400, "Pod.metadata.uid"},
		{"quantity that is none", "/filter", `{"NodeNames":["n1"],` + strings.Replace(pod, `"cpu":"2"`, `"cpu":"two"`, 1) + `}`, 400, "quantities"},
		{"field of a pod of the wrong type", "/filter", `{"Pod":{"metadata":{"name":1}},"NodeNames":[]}`, 400, "Pod.metadata.name: must be a string, not number"},
		{"null node lists", "/filter", `{` + pod + `,"Nodes":null,"NodeNames":null}`, 400, "NodeNames: required"},
		{"no node lists", "/prioritize", `{` + pod + `}`, 400, "NodeNames: required"},
		{"both node lists", "/filter", `{` + pod + `,"Nodes":{"items":[]},"NodeNames":[]}`, 400, "must be null"},
		{"empty node name", "/filter", `{` + pod + `,"NodeNames":["n1",""]}`, 400, "NodeNames[1]"},
		{"null node", "/filter", `{` + pod + `,"Nodes":{"items":[null]}}`, 400, "Nodes.items[0].metadata.name"},
		{"node of the wrong type", "/filter", `{` + pod + `,"Nodes":{"items":["n1"]}}`, 400, "Nodes.items: must be an object, not string"},
		{"node name of the wrong type", "/filter", `{` + pod + `,"NodeNames":[1]}`, 400, "NodeNames: must be a string, not number"},
		{"prioritize unknown field", "/prioritize", `{` + pod + `,"NodeNames":[],"x":1}`, 400, `"x"`},
		{"preempt without candidates", "/preempt", `{` + pod + `}`, 400, "NodeNameToMetaVictims: required"},
		{"preempt with both forms", "/preempt", `{` + pod + `,"NodeNameToVictims":{},"NodeNameToMetaVictims":{}}`, 400, "must be null"},
		{"preempt null victims", "/preempt", `{` + pod + `,"NodeNameToMetaVictims":{"n1":null}}`, 400, `"n1"`},
		{"preempt null whole victims", "/preempt", `{` + pod + `,"NodeNameToVictims":{"n1":null}}`, 400, `"n1"`},
		{"preempt null pod", "/preempt", `{` + pod + `,"NodeNameToMetaVictims":{"n1":{"Pods":[null]}}}`, 400, "pod 0 has no UID"},
		{"preempt null whole pod", "/preempt", `{` + pod + `,"NodeNameToVictims":{"n1":{"Pods":[null]}}}`, 400, "pod 0 has no UID"},
		{"preempt victim without UID", "/preempt", `{` + pod + `,"NodeNameToVictims":{"n1":{"Pods":[{"metadata":{}}]}}}`, 400, "pod 0 has no UID"},
		{"preempt wrong type", "/preempt", `{` + pod + `,"NodeNameToVictims":[]}`, 400, "NodeNameToVictims: must be an object, not array"},
		{"preempt unknown field", "/preempt", `{` + pod + `,"NodeNameToMetaVictims":{},"Victims":1}`, 400, `"Victims"`},
		{"preempt null pod to place", "/preempt", `{"NodeNameToMetaVictims":{}}`, 400, "Pod: required"},
		{"bind without a node", "/bind", `{"PodName":"p","PodNamespace":"d","PodUID":"u"}`, 400, "Node: required"},
		{"bind without a UID", "/bind", `{"PodName":"p","PodNamespace":"d","Node":"n"}`, 400, "PodUID: required"},
		{"bind without a name", "/bind", `{"PodNamespace":"d","PodUID":"u","Node":"n"}`, 400, "PodName: required"},
		{"bind unknown field", "/bind", `{"PodName":"p","Pod":{}}`, 400, `"Pod"`},
		{"bind null", "/bind", `null`, 400, "PodName: required"},
		{"too large", "/filter", `{"x":"` + strings.Repeat("x", 1<<20) + `"}`, 413, "maxBodyBytes"},
		{"deep nesting", "/filter", `{"Pod":` + strings.Repeat(`[`, 20000), 400, "depth"},
		{"unknown verb", "/evict", "{}", 404, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := &world{view: filter.View{Offers: everywhere(vector(9, 99))}}
			f := newFace(w)
			response := f.post(tt.path, tt.body)
			if response.Code != tt.status || !strings.Contains(response.Body.String(), tt.want) {
				t.Errorf("answered %d %q, want %d with %q", response.Code, response.Body, tt.status, tt.want)
			}
			if len(w.bound)+len(w.refused)+len(w.fits) > 0 {
				t.Errorf("bad input had consequences: %+v", w)
			}
			if n := testutil.ToFloat64(f.metrics.panics); n != 0 {
				t.Errorf("%v panics", n)
			}
		})
	}
}

// A body without a Content-Length is limited as well.
func TestTooLargeWithoutALength(t *testing.T) {
	f := newFace(&world{}, func(o *Options) { o.MaxBodyBytes = 10 })
	request := httptest.NewRequest(http.MethodPost, "/bind", strings.NewReader(bindJSON))
	request.ContentLength = -1
	recorder := httptest.NewRecorder()
	f.Handler().ServeHTTP(recorder, request)
	if recorder.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("answered %d, want 413", recorder.Code)
	}
}

// unreadable fails the test that lets its body be read.
type unreadable struct{ t *testing.T }

func (u unreadable) Read([]byte) (int, error) {
	u.t.Error("the body was read")
	return 0, io.EOF
}

// A length that is too large is refused before anything is read.
func TestTooLargeByItsLength(t *testing.T) {
	f := newFace(&world{}, func(o *Options) { o.MaxBodyBytes = 10 })
	request := httptest.NewRequest(http.MethodPost, "/bind", unreadable{t})
	request.ContentLength = 11
	recorder := httptest.NewRecorder()
	f.Handler().ServeHTTP(recorder, request)
	if recorder.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("answered %d, want 413", recorder.Code)
	}
}

func TestOtherMethodsAreRefused(t *testing.T) {
	f := newFace(&world{})
	for _, tt := range []struct{ method, path, allowed string }{
		{http.MethodGet, "/filter", http.MethodPost}, {http.MethodPut, "/bind", http.MethodPost},
		{http.MethodPost, "/readyz", http.MethodGet},
	} {
		recorder := httptest.NewRecorder()
		f.Handler().ServeHTTP(recorder, httptest.NewRequest(tt.method, tt.path, nil))
		if recorder.Code != http.StatusMethodNotAllowed || recorder.Header().Get("Allow") != tt.allowed {
			t.Errorf("%s %s answered %d, allowing %q, want 405 with %s", tt.method, tt.path,
				recorder.Code, recorder.Header().Get("Allow"), tt.allowed)
		}
		if got, want := recorder.Body.String(), "only "+tt.allowed+" is allowed here\n"; got != want {
			t.Errorf("the body is %q, want %q", got, want)
		}
	}
}

// Fields inside a pod that this build does not know come from a newer
// kube-scheduler and do no harm.
func TestUnknownFieldsInsideAPodAreAccepted(t *testing.T) {
	pod := strings.Replace(podJSON, `"priority":10`, `"priority":10,"fieldOfTheFuture":{"a":[1]}`, 1)
	f := newFace(&world{view: filter.View{Offers: everywhere(vector(9, 99))}})
	if response := f.post("/filter", `{"Pod":`+pod+`,"NodeNames":["n1"]}`); response.Code != http.StatusOK {
		t.Errorf("answered %d %s", response.Code, response.Body)
	}
}

func TestAPanicCostsOneCall(t *testing.T) {
	w := &world{binder: func(_ context.Context, target bind.Target) error {
		if target.Name == "p" {
			panic("secret detail")
		}
		return nil
	}}
	f := newFace(w)
	response := f.post("/bind", bindJSON)
	if response.Code != http.StatusInternalServerError || strings.Contains(response.Body.String(), "secret") {
		t.Errorf("answered %d %s", response.Code, response.Body)
	}
	if f.logs.FilterMessage("panic while answering").Len() != 1 || testutil.ToFloat64(f.metrics.panics) != 1 {
		t.Error("the panic was not logged or not counted")
	}
	if got := testutil.ToFloat64(f.metrics.inFlight.WithLabelValues("bind")); got != 0 {
		t.Errorf("%v calls are still in flight", got)
	}
	if response := f.post("/bind", strings.Replace(bindJSON, `"p"`, `"q"`, 1)); response.Code != http.StatusOK {
		t.Errorf("the next call answered %d", response.Code)
	}
}
