package filter

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPreempt(t *testing.T) {
	view := View{
		Nodes:  mapping{"n5": NoAgent},
		Offers: offers{"a1": vector(1, 512), "a2": vector(0.5, 512), "a3": vector(8, 8192)},
		Occupants: occupants{
			"a1": {{UID: "v1", Reserved: vector(1, 64)}, {UID: "w1", Reserved: vector(4, 4096)}},
			"a2": {{UID: "v2", Reserved: vector(1, 64)}, {UID: "w2", Reserved: vector(4, 4096)}},
			"a4": {{UID: "v4", Reserved: vector(2, 512)}},
			"a5": {{UID: "v5", Reserved: vector(2, 512)}},
			"a6": {{UID: pod.PodUID, Reserved: vector(2, 512)}},
		},
	}
	tests := []struct {
		name       string
		view       View
		candidates map[string][]string
		want       map[string][]string
	}{
		{
			"kept where offers and the victims' reservations suffice", view,
			map[string][]string{"n1": {"v1"}, "n2": {"v2"}, "n4": {"v4"}},
			map[string][]string{"n1": {"v1"}, "n4": {"v4"}},
		},
		{
			"two victims make it", view,
			map[string][]string{"n2": {"v2", "w2"}}, map[string][]string{"n2": {"v2", "w2"}},
		},
		{
			"victims of other schedulers have reserved nothing", view,
			map[string][]string{"n1": {"stranger"}, "n3": {"stranger"}},
			map[string][]string{"n3": {"stranger"}},
		},
		{"never without victims", view, map[string][]string{"n3": {}, "n1": nil}, map[string][]string{}},
		{"no agent", view, map[string][]string{"n5": {"v5"}}, map[string][]string{}},
		{"own reservation is there already", view, map[string][]string{"n6": {"stranger"}}, map[string][]string{"n6": {"stranger"}}},
		{"closed view evicts nobody", View{Closed: NoSubscription}, map[string][]string{"n4": {"v4"}}, map[string][]string{}},
		{"no candidates", view, nil, map[string][]string{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, Preempt(tt.view, pod, tt.candidates)); diff != "" {
				t.Errorf("kept (-want +got):\n%s", diff)
			}
		})
	}
}
