package server

import (
	"context"
	"encoding/json"
	"net/http"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
	extenderv1 "k8s.io/kube-scheduler/extender/v1"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/bind"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/filter"
)

// fuzzed posts a body and demands that it is answered or refused, and that
// what is answered can be read by the scheduler into T.
func fuzzed[T any](t *testing.T, f face, path, body string) (answer T, ok bool) {
	t.Helper()
	response := f.post(path, body)
	if testutil.ToFloat64(f.metrics.panics) != 0 {
		t.Fatalf("panic: %+v", f.logs.FilterMessage("panic while answering").All())
	}
	switch response.Code {
	case http.StatusOK:
		if err := json.Unmarshal(response.Body.Bytes(), &answer); err != nil {
			t.Fatalf("the scheduler cannot read the answer %s: %v", response.Body, err)
		}
		return answer, true
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge:
		if response.Body.Len() == 0 {
			t.Fatalf("%d without a text", response.Code)
		}
	default:
		t.Fatalf("answered %d %s", response.Code, response.Body)
	}
	return answer, false
}

func fuzzWorld() *world {
	return &world{view: filter.View{Offers: offers{"n1": vector(4, 4096), "n2": vector(1, 16)}}}
}

func FuzzFilterBody(f *testing.F) {
	for _, folder := range folders {
		f.Add(recorded(f, folder+"/filter-1-request.json"))
	}
	f.Add(`{"Pod":` + podJSON + `,"Nodes":{"items":[{"metadata":{"name":"n1"}},null]}}`)
	f.Add(`{"Pod":` + foreignPodJSON + `,"Nodes":{"items":[{"metadata":{"name":"n1"}}]}}`)
	f.Add(`{"pod":{"spec":{"containers":[{}],"schedulerName":"mesos-scheduler"}},"NodeNames":["n1","n1"]}`)
	f.Fuzz(func(t *testing.T, body string) {
		face := newFace(fuzzWorld())
		got, ok := fuzzed[extenderv1.ExtenderFilterResult](t, face, "/filter", body)
		if !ok || got.Error != "" {
			return
		}
		if (got.Nodes == nil) == (got.NodeNames == nil) {
			t.Fatalf("the answer has both forms or none: %+v", got)
		}
		if got.NodeNames != nil {
			for _, name := range *got.NodeNames {
				if got.FailedNodes[name]+got.FailedAndUnresolvableNodes[name] != "" {
					t.Fatalf("node %q both fits and is refused", name)
				}
			}
		}
	})
}

func FuzzPreemptBody(f *testing.F) {
	f.Add(recorded(f, "preempt-1-request.json"))
	f.Add(recorded(f, "nocache/preempt-1-request.json"))
	f.Add(`{"Pod":` + podJSON + `,"NodeNameToVictims":{"n1":{"Pods":[null]},"n2":null}}`)
	f.Fuzz(func(t *testing.T, body string) {
		got, ok := fuzzed[extenderv1.ExtenderPreemptionResult](t, newFace(fuzzWorld()), "/preempt", body)
		if ok && got.NodeNameToMetaVictims == nil {
			t.Fatal("the map is null")
		}
	})
}

func FuzzBindBody(f *testing.F) {
	for _, folder := range folders {
		f.Add(recorded(f, folder+"/bind-1-request.json"))
	}
	f.Add(bindJSON + "{}")
	f.Fuzz(func(t *testing.T, body string) {
		w := fuzzWorld()
		w.binder = func(_ context.Context, target bind.Target) error {
			if target.Name == "" || target.Namespace == "" || target.UID == "" || target.Node == "" {
				t.Fatalf("bound half a target: %+v", target)
			}
			return nil
		}
		_, ok := fuzzed[extenderv1.ExtenderBindingResult](t, newFace(w), "/bind", body)
		if ok != (len(w.bound) == 1) {
			t.Fatalf("answered %v, bound %v", ok, w.bound)
		}
	})
}
