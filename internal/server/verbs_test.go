package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.uber.org/zap/zapcore"
	extenderv1 "k8s.io/kube-scheduler/extender/v1"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/bind"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/filter"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/logkeys"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

type filterVerbTest struct {
	name          string
	world         *world
	body          string
	want          extenderv1.ExtenderFilterResult
	refused, fits int // how often the waker is told
}

// filterVerbTests makes the tests' worlds anew: they note what they were told.
func filterVerbTests() []filterVerbTest {
	body := `{"Pod":` + podJSON + `,"NodeNames":["n1","n2"]}`
	names := func(n ...string) *[]string { return &n }
	return []filterVerbTest{
		{
			name:  "one fits",
			world: &world{view: filter.View{Offers: offers{"n2": vector(2, 64)}}}, body: body, fits: 1,
			want: extenderv1.ExtenderFilterResult{NodeNames: names("n2")},
		},
		{
			name:  "none fits",
			world: &world{view: filter.View{Offers: offers{"n2": vector(1, 64)}}}, body: body, refused: 1,
			want: extenderv1.ExtenderFilterResult{NodeNames: names(), FailedAndUnresolvableNodes: extenderv1.FailedNodesMap{
				"n1": string(filter.InsufficientCPUs), "n2": string(filter.InsufficientCPUs),
			}},
		},
		{
			name: "a lower pod could go, which kube-scheduler would not see",
			world: &world{view: filter.View{Offers: offers{}, Occupants: occupants{
				"n1": {{UID: "low", Priority: 1, Reserved: vector(2, 64)}},
			}}}, body: body, refused: 1,
			want: extenderv1.ExtenderFilterResult{NodeNames: names(), FailedAndUnresolvableNodes: extenderv1.FailedNodesMap{
				"n1": string(filter.NoOffers), "n2": string(filter.NoOffers),
			}},
		},
		{
			name:  "Mesos is away: a refusal, no error",
			world: &world{view: filter.View{Closed: filter.NoSubscription}, unready: errBoom}, body: body, refused: 1,
			want: extenderv1.ExtenderFilterResult{NodeNames: names(), FailedAndUnresolvableNodes: extenderv1.FailedNodesMap{
				"n1": "no subscription to Mesos", "n2": "no subscription to Mesos",
			}},
		},
		{
			name:  "not ready although the view is open",
			world: &world{view: filter.View{Offers: everywhere(vector(9, 99))}, unready: errBoom}, body: body, refused: 1,
			want: extenderv1.ExtenderFilterResult{NodeNames: names(), FailedAndUnresolvableNodes: extenderv1.FailedNodesMap{
				"n1": string(filter.NotReady), "n2": string(filter.NotReady),
			}},
		},
		{
			name:  "a foreign pod passes, whatever the offers",
			world: &world{view: filter.View{Offers: offers{}}, unready: errBoom, requestErr: errBoom},
			body:  `{"Pod":` + foreignPodJSON + `,"NodeNames":["n2","n1"]}`,
			want:  extenderv1.ExtenderFilterResult{NodeNames: names("n2", "n1")},
		},
		{
			name:  "an extended resource without a rule is refused and never woken for",
			world: &world{view: filter.View{Offers: everywhere(vector(9, 99))}, requestErr: fmt.Errorf("wrapped: %w", &resources.UnsupportedError{Resource: "a.b/c"})},
			body:  body,
			want: extenderv1.ExtenderFilterResult{NodeNames: names(), FailedAndUnresolvableNodes: extenderv1.FailedNodesMap{
				"n1": string(filter.Unsupported), "n2": string(filter.Unsupported),
			}},
		},
		{
			name:  "a role that is not configured",
			world: &world{view: filter.View{Offers: everywhere(vector(9, 99))}, requestErr: &filter.Refusal{Reason: filter.UnknownRole}},
			body:  body,
			want: extenderv1.ExtenderFilterResult{NodeNames: names(), FailedAndUnresolvableNodes: extenderv1.FailedNodesMap{
				"n1": string(filter.UnknownRole), "n2": string(filter.UnknownRole),
			}},
		},
		{
			name:  "no nodes",
			world: &world{view: filter.View{Offers: everywhere(vector(9, 99))}}, body: `{"Pod":` + podJSON + `,"NodeNames":[]}`,
			want: extenderv1.ExtenderFilterResult{NodeNames: names()},
		},
	}
}

func TestFilterVerb(t *testing.T) {
	for _, tt := range filterVerbTests() {
		t.Run(tt.name, func(t *testing.T) {
			f := newFace(tt.world)
			got := answer[extenderv1.ExtenderFilterResult](t, f, "/filter", tt.body)
			if diff := cmp.Diff(tt.want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
			if got.NodeNames == nil {
				t.Error("NodeNames is null: the scheduler would take Nodes")
			}
			if len(tt.world.refused) != tt.refused || len(tt.world.fits) != tt.fits {
				t.Errorf("the waker was told refused %v, fits %v; want %d and %d times", tt.world.refused, tt.world.fits, tt.refused, tt.fits)
			}
		})
	}
}

func TestFilterAnswersInTheFormOfTheRequest(t *testing.T) {
	nodes := `"Nodes":{"items":[{"metadata":{"name":"n1"}}]}`
	for name, body := range map[string]string{
		"refused": `{"Pod":` + podJSON + `,` + nodes + `}`,
		"foreign": `{"Pod":` + foreignPodJSON + `,` + nodes + `}`,
		"empty":   `{"Pod":` + podJSON + `,"Nodes":{"items":null}}`,
	} {
		t.Run(name, func(t *testing.T) {
			got := answer[extenderv1.ExtenderFilterResult](t, newFace(&world{view: filter.View{Offers: offers{}}}), "/filter", body)
			if got.Nodes == nil || got.NodeNames != nil {
				t.Fatalf("answer = %+v, want Nodes and no NodeNames", got)
			}
			if want := map[string]int{"foreign": 1}[name]; len(got.Nodes.Items) != want {
				t.Errorf("%d nodes, want %d", len(got.Nodes.Items), want)
			}
		})
	}
}

func TestFilterTellsOfABadPod(t *testing.T) {
	for name, tt := range map[string]struct{ pod, want string }{
		"no containers":     {`{"metadata":{"name":"p","uid":"u"},"spec":{"schedulerName":"mesos-scheduler"}}`, "spec.containers"},
		"negative quantity": {strings.Replace(podJSON, `"cpu":"2"`, `"cpu":"-2"`, 1), "spec.containers[0].resources.requests[cpu]"},
	} {
		t.Run(name, func(t *testing.T) {
			w := &world{view: filter.View{Offers: everywhere(vector(9, 99))}}
			f := newFace(w)
			got := answer[extenderv1.ExtenderFilterResult](t, f, "/filter", `{"Pod":`+tt.pod+`,"NodeNames":["n1"]}`)
			if !strings.Contains(got.Error, tt.want) || got.NodeNames != nil {
				t.Errorf("answer = %+v, want an error that names %s and no nodes", got, tt.want)
			}
			for _, path := range []string{"/prioritize", "/preempt"} {
				body := `{"Pod":` + tt.pod + `,"NodeNames":["n1"]}`
				if path == "/preempt" {
					body = `{"Pod":` + tt.pod + `,"NodeNameToMetaVictims":{}}`
				}
				if response := f.post(path, body); response.Code != http.StatusBadRequest || !strings.Contains(response.Body.String(), tt.want) {
					t.Errorf("%s answered %d %s", path, response.Code, response.Body)
				}
			}
			if len(w.refused)+len(w.fits)+len(w.bound) > 0 {
				t.Errorf("a bad pod had consequences: %+v", w)
			}
		})
	}
}

func TestPrioritizeVerb(t *testing.T) {
	view := filter.View{Offers: everywhere(vector(4, 64))}
	tests := []struct {
		name, pod string
		world     *world
		want      int64
	}{
		{"ours", podJSON, &world{view: view}, 10},
		{"foreign pods get zeros", foreignPodJSON, &world{view: view}, 0},
		{"unsupported pods get zeros", podJSON, &world{view: view, requestErr: &resources.UnsupportedError{}}, 0},
		{"zeros while Mesos is away", podJSON, &world{view: filter.View{Closed: filter.NoSubscription}}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := answer[extenderv1.HostPriorityList](t, newFace(tt.world), "/prioritize", `{"Pod":`+tt.pod+`,"NodeNames":["n1"]}`)
			if diff := cmp.Diff(extenderv1.HostPriorityList{{Host: "n1", Score: tt.want}}, got); diff != "" {
				t.Errorf("scores (-want +got):\n%s", diff)
			}
		})
	}
	if body := newFace(&world{view: view}).post("/prioritize", `{"Pod":`+podJSON+`,"NodeNames":[]}`).Body.String(); body != "[]" {
		t.Errorf("no nodes are answered with %s, want []", body)
	}
}

func TestPreemptVerb(t *testing.T) {
	candidates := `"NodeNameToMetaVictims":{"n1":{"Pods":[{"UID":"v1"}],"NumPDBViolations":3},"n2":{"Pods":[],"NumPDBViolations":0}}`
	v1 := &extenderv1.MetaVictims{Pods: []*extenderv1.MetaPod{{UID: "v1"}}, NumPDBViolations: 3}
	tests := []struct {
		name, pod string
		world     *world
		want      map[string]*extenderv1.MetaVictims
	}{
		{
			"kept with its violations; a node without victims is never listed", podJSON,
			&world{view: filter.View{Offers: everywhere(vector(4, 64))}},
			map[string]*extenderv1.MetaVictims{"n1": v1},
		},
		{"in vain", podJSON, &world{view: filter.View{Offers: offers{}}}, nil},
		{"foreign pods pass", foreignPodJSON, &world{view: filter.View{Offers: offers{}}}, map[string]*extenderv1.MetaVictims{"n1": v1, "n2": {}}},
		{"unsupported", podJSON, &world{view: filter.View{Offers: everywhere(vector(4, 64))}, requestErr: &resources.UnsupportedError{}}, nil},
		{"nobody is evicted while Mesos is away", podJSON, &world{view: filter.View{Closed: filter.NoSubscription, Offers: everywhere(vector(4, 64))}}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := answer[extenderv1.ExtenderPreemptionResult](t, newFace(tt.world), "/preempt", `{"Pod":`+tt.pod+`,`+candidates+`}`)
			if got.NodeNameToMetaVictims == nil {
				t.Error("the map is null")
			}
			if diff := cmp.Diff(tt.want, got.NodeNameToMetaVictims, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("kept (-want +got):\n%s", diff)
			}
		})
	}
}

const bindJSON = `{"PodName":"p","PodNamespace":"default","PodUID":"u1","Node":"n1"}`

func TestBindVerb(t *testing.T) {
	long := errors.New(strings.Repeat("ä", 1000))
	tests := []struct {
		name string
		err  error
		want string
	}{
		{"bound", nil, ""},
		{"refused", fmt.Errorf("bind default/p: %w", bind.ErrNoAgent), "bind default/p: " + bind.ErrNoAgent.Error()},
		{"a long error is cut", long, strings.Repeat("ä", maxErrorText/2) + "…"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := &world{binder: func(context.Context, bind.Target) error { return tt.err }}
			if got := answer[extenderv1.ExtenderBindingResult](t, newFace(w), "/bind", bindJSON); got.Error != tt.want {
				t.Errorf("error = %q, want %q", got.Error, tt.want)
			}
		})
	}
}

func TestOneInfoLinePerDecision(t *testing.T) {
	f := newFace(&world{view: filter.View{Offers: offers{"n2": vector(1, 64)}}})
	f.post("/filter", `{"Pod":`+podJSON+`,"NodeNames":["n1","n2"]}`)
	lines := f.logs.FilterLevelExact(zapcore.InfoLevel).All()
	if len(lines) != 1 {
		t.Fatalf("%d lines at info, want 1: %+v", len(lines), lines)
	}
	fields := lines[0].ContextMap()
	for key, want := range map[string]any{
		logkeys.Verb: "filter", logkeys.Pod: "default/p", logkeys.PodUID: "u1",
		logkeys.Fits: int64(0), logkeys.Refused: int64(2), logkeys.Reason: string(filter.InsufficientCPUs),
	} {
		if diff := cmp.Diff(want, fields[key]); diff != "" {
			t.Errorf("field %s (-want +got):\n%s", key, diff)
		}
	}
	for _, key := range []string{logkeys.RequestID, logkeys.Duration} {
		if fields[key] == nil {
			t.Errorf("field %s is missing: %v", key, fields)
		}
	}
}
