package filter

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/offercache"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

func TestScore(t *testing.T) {
	small := changed(func(r *Request) { r.Need = vector(0.1, 32) })
	held := func(cpus, mem float64) []Occupant { return []Occupant{{UID: "other", Reserved: vector(cpus, mem)}} }
	view := View{
		Nodes: mapping{"n7": NoAgent},
		Offers: offers{
			"a1": vector(8, 8192), // untouched
			"a2": vector(7.9, 8160),
			"a3": vector(4, 4096),
			"a4": vector(0.1, 4096),
			"a5": vector(6, 1024),
			"a6": vector(0.1, 32), // untouched, exactly filled
		},
		Occupants: occupants{
			"a2": held(0.1, 32), "a3": held(4, 4096), "a4": held(7.9, 4096), "a5": held(2, 7168),
		},
	}
	nodes := []string{"n1", "n2", "n3", "n4", "n5", "n6", "n7", "n8"}
	tests := []struct {
		name     string
		view     View
		request  Request
		strategy Strategy
		want     []int64
	}{
		{"packing prefers the fuller, judged by the dominant resource", view, small, BinPacking, []int64{0, 1, 6, 10, 9, 10, 0, 0}},
		{"packing is the default", view, small, "", []int64{0, 1, 6, 10, 9, 10, 0, 0}},
		{"spreading is the reverse", view, small, Spreading, []int64{10, 9, 4, 0, 1, 0, 0, 0}},
		{
			"planned maintenance comes last", View{Nodes: view.Nodes, Offers: serviced{view.Offers.(offers)}}, small, Spreading,
			make([]int64, 8),
		},
		{"closed view", View{Closed: NoSubscription, Offers: view.Offers, Nodes: view.Nodes}, small, Spreading, make([]int64, 8)},
		{
			"a resource the pod does not ask for says nothing", view,
			changed(func(r *Request) { r.Need = resources.Scalar(resources.CPUs, 100) }), BinPacking,
			[]int64{0, 1, 6, 10, 3, 10, 0, 0},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, Score(tt.view, tt.request, NamesOf(nodes...), tt.strategy)); diff != "" {
				t.Errorf("scores (-want +got):\n%s", diff)
			}
		})
	}
}

func TestScorePrefersTheOwnReservation(t *testing.T) {
	own := occupants{"a1": {{UID: pod.PodUID, Reserved: pod.Need}}, "a2": {{UID: "other", Reserved: vector(7, 512)}}}
	view := View{Offers: offers{"a1": vector(6, 8192), "a2": vector(1, 8192)}, Nodes: mapping{}, Occupants: own}
	for _, strategy := range []Strategy{BinPacking, Spreading} {
		if got := Score(view, pod, NamesOf("n1"), strategy)[0]; got != MaxScore {
			t.Errorf("%s: the node of the pod's reservation scores %d, want %d", strategy, got, MaxScore)
		}
	}
}

// remainder offers everything by way of an expected remainder only.
type remainder struct{ offers }

func (r remainder) Agent(agentID string) (*offercache.AgentView, bool) {
	view, ok := r.offers.Agent(agentID)
	if ok {
		view.Roles[0].Certain = resources.Vector{}
	}
	return view, ok
}

func TestScoreQuartersWhatIsOnlyExpected(t *testing.T) {
	full := occupants{"a1": {{UID: "other", Reserved: vector(6, 512)}}}
	in := offers{"a1": vector(2, 8192)}
	for _, strategy := range []Strategy{BinPacking, Spreading} {
		inHand := Score(View{Offers: in, Nodes: mapping{}, Occupants: full}, pod, NamesOf("n1"), strategy)[0]
		expected := Score(View{Offers: remainder{in}, Nodes: mapping{}, Occupants: full}, pod, NamesOf("n1"), strategy)[0]
		if expected != inHand/4 {
			t.Errorf("%s: expected offers score %d, offers in hand %d", strategy, expected, inHand)
		}
	}
}
