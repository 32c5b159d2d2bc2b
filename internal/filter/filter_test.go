package filter

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

var pod = Request{PodUID: "u1", Role: role, Priority: 100, Need: vector(2, 512)}

// changed returns pod after the change.
func changed(change func(*Request)) Request {
	r := pod
	change(&r)
	return r
}

var low = Occupant{UID: "low", Priority: 10, Reserved: vector(2, 512)}

var filterTests = []struct {
	name    string
	view    View
	request Request
	nodes   []string
	want    Verdict
}{
	{
		name:    "covered to the last thousandth",
		view:    View{Offers: offers{"a1": vector(2, 512), "a2": vector(8, 8192)}},
		request: pod, nodes: []string{"n2", "n1"},
		want: Verdict{Fits: []string{"n2", "n1"}},
	},
	{
		name:    "a thousandth short",
		view:    View{Offers: offers{"a1": vector(1.999, 512), "a2": vector(2, 512)}},
		request: pod, nodes: []string{"n1", "n2"},
		want: Verdict{Fits: []string{"n2"}, Reasons: map[Reason]int{InsufficientCPUs: 1}},
	},
	{
		name: "the refused are only counted while another node fits",
		view: View{
			Offers: offers{"a1": vector(8, 100), "a2": vector(1, 8192), "a5": vector(2, 512), "a6": {}},
			Nodes:  mapping{"n3": NoAgent, "n4": AmbiguousAgent},
		},
		request: pod, nodes: []string{"n1", "n2", "n3", "n4", "n5", "n6", "n7"},
		want: Verdict{Fits: []string{"n5"}, Reasons: map[Reason]int{
			InsufficientMem: 1, InsufficientCPUs: 1, NoAgent: 1, AmbiguousAgent: 1, NoOffers: 2,
		}},
	},
	{
		name: "what lasts is told also where no node fits",
		view: View{
			Offers: offers{"a1": vector(8, 8192), "a2": vector(8, 8192), "a3": vector(8, 8192), "a4": vector(1, 512)},
			Nodes:  mapping{"n1": AgentDraining, "n2": AgentMaintenance, "n3": AgentDeactivated},
		},
		request: pod, nodes: []string{"n1", "n2", "n3", "n4", "n5"},
		want: Verdict{Unresolvable: []Reason{AgentDraining, AgentMaintenance, AgentDeactivated, InsufficientCPUs, InsufficientCPUs}},
	},
	{
		name:    "offers to another role do not count",
		view:    View{Offers: offers{"a1": vector(8, 8192)}},
		request: changed(func(r *Request) { r.Role = "other" }), nodes: []string{"n1"},
		want: Verdict{Unresolvable: []Reason{NoOffers}},
	},
	{
		name:    "ports",
		view:    View{Offers: offers{"a1": ports(31000, 31009), "a2": ports(31005, 31010)}},
		request: changed(func(r *Request) { r.Need = ports(31000, 31001) }), nodes: []string{"n1", "n2"},
		want: Verdict{Fits: []string{"n1"}, Reasons: map[Reason]int{InsufficientPorts: 1}},
	},
	{
		name:    "an extended resource by its name",
		view:    View{Offers: offers{"a1": vector(8, 8192)}},
		request: changed(func(r *Request) { r.Need = resources.Scalar("fpgas", 1000) }), nodes: []string{"n1"},
		want: Verdict{Unresolvable: []Reason{"insufficient offered fpgas"}},
	},
	{
		name: "no candidate for preemption even where eviction would make room",
		view: View{
			Offers:    offers{"a1": vector(1, 100)},
			Occupants: occupants{"a1": {low}, "a2": {low}},
		},
		request: pod, nodes: []string{"n1", "n2"},
		want: Verdict{Unresolvable: []Reason{InsufficientCPUs, InsufficientCPUs}},
	},
	{
		name:    "the pod's own reservation is its place",
		view:    View{Offers: offers{}, Occupants: occupants{"a1": {{UID: "u1", Priority: 100, Reserved: vector(2, 512)}}}},
		request: pod, nodes: []string{"n1", "n2"},
		want: Verdict{Fits: []string{"n1"}, Reasons: map[Reason]int{NoOffers: 1}},
	},
	{
		name:    "own reservation of an earlier, smaller size",
		view:    View{Offers: offers{}, Occupants: occupants{"a1": {{UID: "u1", Priority: 100, Reserved: vector(1, 512)}}}},
		request: pod, nodes: []string{"n1"},
		want: Verdict{Unresolvable: []Reason{NoOffers}},
	},
	{
		name:    "closed view",
		view:    View{Closed: Recovering, Offers: offers{"a1": vector(8, 8192)}},
		request: pod, nodes: []string{"n1", "n2"},
		want: Verdict{Unresolvable: []Reason{Recovering, Recovering}},
	},
	{
		name:    "no nodes",
		view:    View{Offers: offers{"a1": vector(8, 8192)}},
		request: pod,
		want:    Verdict{},
	},
}

// count is how often each reason was given.
func count(why []Reason) map[Reason]int {
	counts := map[Reason]int{}
	for _, reason := range why {
		counts[reason]++
	}
	return counts
}

func TestFilter(t *testing.T) {
	for _, tt := range filterTests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.view.Nodes == nil {
				tt.view.Nodes = mapping{}
			}
			got := Filter(tt.view, tt.request, NamesOf(tt.nodes...), Choice{})
			tt.want.Fitting = len(tt.want.Fits)
			if tt.want.Fitting == 0 {
				tt.want.Reasons = count(tt.want.Unresolvable)
			}
			if diff := cmp.Diff(tt.want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("verdict (-want +got):\n%s", diff)
			}
		})
	}
}

// A pod that fits nowhere is told one reason for all lack of offers, so that
// offers that come and go do not change the text (see pass.settle).
func TestFilterSettlesOnOneReason(t *testing.T) {
	tests := []struct {
		name   string
		before offers
		after  offers
		want   Reason
	}{
		{
			"an offer too small comes and goes elsewhere",
			offers{"a1": vector(1, 8192)}, offers{"a2": vector(1.5, 64), "a3": vector(0.5, 8192)},
			InsufficientCPUs,
		},
		{
			"the scarce resource is not the first by name",
			offers{"a1": vector(8, 64)}, offers{"a1": vector(1, 64), "a2": vector(8, 128)},
			InsufficientMem,
		},
		{
			"enough of each but not on one agent",
			offers{"a1": vector(8, 64), "a2": vector(1, 8192)}, offers{"a2": vector(8, 64), "a3": vector(1, 8192)},
			Scattered,
		},
		{"nothing offered anywhere", offers{}, offers{"a9": vector(8, 8192)}, NoOffers},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, now := range []offers{tt.before, tt.after} {
				view := View{Offers: now, Nodes: mapping{"n4": NoAgent}}
				got := Filter(view, pod, NamesOf("n1", "n2", "n3", "n4"), Choice{}).Reasons
				if diff := cmp.Diff(map[Reason]int{tt.want: 3, NoAgent: 1}, got); diff != "" {
					t.Errorf("reasons with offers %v (-want +got):\n%s", now, diff)
				}
			}
		})
	}
}

func TestFilterWithoutSubscription(t *testing.T) {
	got := Filter(View{}, pod, NamesOf("n1"), Choice{})
	want := Verdict{Unresolvable: []Reason{NoSubscription}, Reasons: map[Reason]int{NoSubscription: 1}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("verdict of an empty view (-want +got):\n%s", diff)
	}
}

func TestRefusalIsAnError(t *testing.T) {
	cause := errors.New("extended resource example.com/x")
	var err error = &Refusal{Reason: Unsupported, Err: cause}
	if !errors.Is(err, cause) || err.Error() != string(Unsupported)+": "+cause.Error() {
		t.Errorf("refusal reads %q and hides its cause", err)
	}
	if got := (&Refusal{Reason: UnknownRole}).Error(); got != string(UnknownRole) {
		t.Errorf("refusal without detail reads %q", got)
	}
}
