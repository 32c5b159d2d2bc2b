package listing

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/mesos"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

func TestStates(t *testing.T) {
	tests := map[string]struct {
		listed, later *corev1.Pod
		want          State
		node          string
	}{
		"on the agent's node":          {listed: pod("a", "u1", "node-1", corev1.PodRunning), want: Bound, node: "node-1"},
		"without a node":               {listed: pod("a", "u1", "", corev1.PodPending), want: Unbound},
		"on another agent's node":      {listed: pod("a", "u1", "node-2", corev1.PodRunning), want: Elsewhere, node: "node-2"},
		"on a node without an agent":   {listed: pod("a", "u1", "node-3", corev1.PodRunning), want: Unmapped, node: "node-3"},
		"on a node that is gone":       {listed: pod("a", "u1", "node-9", corev1.PodRunning), want: Unmapped, node: "node-9"},
		"gone":                         {want: Orphan},
		"succeeded":                    {listed: pod("a", "u1", "node-1", corev1.PodSucceeded), want: Orphan},
		"failed":                       {listed: pod("a", "u1", "node-1", corev1.PodFailed), want: Orphan},
		"made anew under its name":     {listed: pod("a", "u2", "node-1", corev1.PodRunning), want: Orphan},
		"not in the list, but there":   {later: pod("a", "u1", "node-1", corev1.PodRunning), want: Bound, node: "node-1"},
		"not in the list, another UID": {later: pod("a", "u2", "node-1", corev1.PodRunning), want: Orphan},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			f := fake{agents: twoAgents([]resources.Portion{reserved("berlin", "a", "u1", madeAt)}, nil)}
			if tt.listed != nil {
				f.listed = append(f.listed, tt.listed)
			}
			if tt.later != nil {
				f.later = append(f.later, tt.later)
			}
			got, err := Read(t.Context(), "berlin", f.sources(t))
			want := []Reservation{{
				Namespace: "default", Pod: "a", UID: "u1", State: tt.want, ReservedAt: &madeAt, AgentID: "S1",
				Hostname: "node-1", Node: tt.node, Role: "kubernetes", Resources: "cpus:1.5;mem:64",
			}}
			if diff := cmp.Diff(want, got); diff != "" || err != nil {
				t.Errorf("error %v, list (-want +got):\n%s", err, diff)
			}
			if orphans := Orphans(got); (len(orphans) == 1) != (tt.want == Orphan) {
				t.Errorf("orphans are %v", orphans)
			}
		})
	}
}

// What cannot be read is an error and unknown. It is never an orphan.
func TestWhatCannotBeReadIsUnknown(t *testing.T) {
	bound := pod("a", "u1", "node-1", corev1.PodRunning)
	tests := map[string]struct {
		fails  func(*fake)
		states []State // of a, which runs, and b, which is gone
		err    error
	}{
		"master":       {func(f *fake) { f.agentsErr = errDown }, nil, errDown},
		"list of pods": {func(f *fake) { f.podsErr, f.listed = errDown, nil }, []State{Unknown, Unknown}, errDown},
		"one pod":      {func(f *fake) { f.podErr = errDown }, []State{Bound, Unknown}, errDown},
		"nodes":        {func(f *fake) { f.nodesErr = errDown }, []State{Unknown, Orphan}, errDown},
		"a reservation that names no pod": {func(f *fake) {
			f.agents[0].Reserved[1].Layers[0].Labels[2].Value = ""
		}, []State{Unknown, Bound}, nil}, // it sorts first
		"agents of before a restart of the master": {func(f *fake) {
			f.agents = append(f.agents, mesos.Agent{ID: "S3", Recovered: true})
		}, []State{Bound, Orphan}, ErrIncomplete},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			f := fake{listed: []*corev1.Pod{bound}, agents: twoAgents([]resources.Portion{
				reserved("berlin", "a", "u1", madeAt), reserved("berlin", "b", "u2", madeAt),
			}, nil)}
			tt.fails(&f)
			rows, err := Read(t.Context(), "berlin", f.sources(t))
			if err == nil || (tt.err != nil && !errors.Is(err, tt.err)) {
				t.Errorf("error %v, want %v", err, tt.err)
			}
			var states []State
			for _, row := range rows {
				states = append(states, row.State)
			}
			if diff := cmp.Diff(tt.states, states); diff != "" {
				t.Errorf("states (-want +got):\n%s", diff)
			}
		})
	}
}

func TestOnlyOurClusterIsListed(t *testing.T) {
	f := fake{agents: twoAgents(
		[]resources.Portion{reserved("paris", "a", "u1", madeAt), {Layers: []resources.Layer{{Dynamic: true, Role: "other"}}}},
		[]resources.Portion{reserved("berlin", "b", "u2", time.Time{})},
	)}
	rows, err := Read(t.Context(), "berlin", f.sources(t))
	if err != nil || len(rows) != 1 || rows[0].UID != "u2" || rows[0].ReservedAt != nil {
		t.Errorf("listed %+v, %v, want u2 alone, of unknown age", rows, err)
	}
}

func TestNothingReserved(t *testing.T) {
	f := fake{agents: twoAgents(nil, nil), podsErr: errDown} // not needed, so not asked
	if rows, err := Read(t.Context(), "berlin", f.sources(t)); err != nil || rows != nil {
		t.Errorf("listed %+v, %v", rows, err)
	}
}
