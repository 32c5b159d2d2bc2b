package server

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/filter"
)

func (f face) get(path string) *httptest.ResponseRecorder {
	recorder := httptest.NewRecorder()
	f.Handler().ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, path, nil))
	return recorder
}

func TestStandbyAnswers503ToEveryVerb(t *testing.T) {
	w := &world{standby: true, unready: errBoom}
	f := newFace(w)
	for _, path := range []string{"/filter", "/prioritize", "/preempt", "/bind"} {
		if response := f.post(path, bindJSON); response.Code != http.StatusServiceUnavailable || !strings.Contains(response.Body.String(), "does not lead") {
			t.Errorf("%s answered %d %s", path, response.Code, response.Body)
		} else if response.Header().Get("Connection") != "close" {
			t.Errorf("%s: kube-scheduler's connection stays with the standby", path)
		}
	}
	if len(w.bound) > 0 {
		t.Errorf("a standby bound %v", w.bound)
	}
}

func TestHealth(t *testing.T) {
	several := errors.Join(errors.New("not subscribed to Mesos"), errors.New("pods not synced"))
	tests := []struct {
		name, path string
		world      *world
		status     int
		want       string
	}{
		{"alive", "/livez", &world{}, 200, "ok\n"},
		{"alive though not ready", "/livez", &world{standby: true, unready: several}, 200, "ok\n"},
		{"ready", "/readyz", &world{}, 200, "ok\n"},
		{"ready, verbose", "/readyz?verbose", &world{}, 200, "ok\nleading: true\n"},
		{"not ready", "/readyz", &world{unready: errBoom}, 503, "not ready: boom\n"},
		{
			"every reason on its line", "/readyz?verbose", &world{unready: several, standby: true}, 503,
			"not ready: not subscribed to Mesos\nnot ready: pods not synced\nleading: false\n",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			response := newFace(tt.world).get(tt.path)
			if response.Code != tt.status || response.Body.String() != tt.want {
				t.Errorf("answered %d %q, want %d %q", response.Code, response.Body, tt.status, tt.want)
			}
		})
	}
}

func TestMetrics(t *testing.T) {
	f := newFace(&world{view: filter.View{Offers: offers{"n2": vector(1, 64)}}})
	f.post("/filter", `{"Pod":`+podJSON+`,"NodeNames":["n1","n2"]}`)
	f.post("/filter", `{"Pod":`+foreignPodJSON+`,"NodeNames":["n1"]}`)
	f.post("/filter", `{`)
	f.post("/bind", bindJSON)
	text := f.get("/metrics").Body.String()
	for _, line := range []string{
		`mesos_extender_request_duration_seconds_count{outcome="refused",verb="filter"} 1`,
		`mesos_extender_request_duration_seconds_count{outcome="foreign",verb="filter"} 1`,
		`mesos_extender_request_duration_seconds_count{outcome="bad_request",verb="filter"} 1`,
		`mesos_extender_request_duration_seconds_count{outcome="ok",verb="bind"} 1`,
		`mesos_extender_request_size_bytes_count{verb="filter"} 3`,
		`mesos_extender_requests_in_flight{verb="filter"} 0`,
		`mesos_extender_refused_nodes_total{reason="insufficient offered cpus"} 2`,
	} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("missing: %s", line)
		}
	}
	if problems, err := testutil.GatherAndLint(f.registry); err != nil || len(problems) > 0 {
		t.Errorf("lint: %v, %v", problems, err)
	}
}

func TestRequestID(t *testing.T) {
	for name, tt := range map[string]struct {
		sent string
		kept bool
	}{
		"none":       {"", false},
		"given":      {"abc-123/x", true},
		"too long":   {strings.Repeat("x", maxRequestID+1), false},
		"with blank": {"a b", false},
		"not ASCII":  {"ä", false},
		"with break": {"a\nb", false},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFace(&world{view: filter.View{Offers: offers{}}})
			request := httptest.NewRequest(http.MethodPost, "/filter", strings.NewReader(`{"Pod":`+podJSON+`,"NodeNames":["n1"]}`))
			request.Header.Set(requestIDHeader, tt.sent)
			recorder := httptest.NewRecorder()
			f.Handler().ServeHTTP(recorder, request)
			got := recorder.Header().Get(requestIDHeader)
			if (got == tt.sent) != tt.kept || got == "" {
				t.Errorf("sent %q, answered %q", tt.sent, got)
			}
			if logged := f.logs.All()[0].ContextMap()["requestID"]; logged != got {
				t.Errorf("logged %v, answered %q", logged, got)
			}
		})
	}
}

func TestRequestIDsDiffer(t *testing.T) {
	f := newFace(&world{})
	if a, b := f.post("/bind", bindJSON).Header().Get(requestIDHeader), f.post("/bind", bindJSON).Header().Get(requestIDHeader); a == b {
		t.Errorf("two requests are both %s", a)
	}
}
