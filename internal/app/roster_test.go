package app

import (
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/filter"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/kube"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/mesos"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/offercache"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

// Whatever happens, the ready-made places say what their sources say.
func TestRosterFollowsItsSources(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReplica(t, newNode("plain"), newNode("shared"), newNode("other"))
		r.knowing(kube.AgentIdentity{ID: "A1", Hostname: "plain"})
		r.state.subscribed.Store(true)
		verdicts := map[string]bool{}
		for _, step := range []struct {
			name string
			do   func()
		}{
			{"nothing", func() {}},
			{"a subscription", func() { r.cache.Reset(1) }},
			{"an offer", func() { r.offered("O1", nil) }},
			{"a drain", func() { r.noteAgents([]mesos.Agent{{ID: "A1", DrainState: "DRAINING"}}) }},
			{"the end of the drain", func() { r.noteAgents([]mesos.Agent{{ID: "A1"}}) }},
			{"new agents", func() {
				r.nodes.ReplaceAgents([]kube.AgentIdentity{
					{ID: "A1", Hostname: "plain"}, {ID: "A2", Hostname: "shared"}, {ID: "A3", Hostname: "shared"},
				})
			}},
			{"maintenance", func() { r.offered("O2", &resources.Maintenance{Start: r.clock.Now()}) }},
			{"another subscription", func() { r.cache.Reset(1) }},
			{"its offer", func() { r.offered("O3", nil) }},
			{"a hold", func() {
				key := offercache.Key{AgentID: "A1", Role: "kubernetes"}
				if err := r.cache.Hold("h", key, resources.Scalar(resources.CPUs, 1500)); err != nil {
					t.Fatal(err)
				}
			}},
		} {
			step.do()
			synctest.Wait()
			verdicts[r.sameVerdict(step.name)] = true
		}
		if len(verdicts) < 5 {
			t.Errorf("only %d different verdicts: the steps prove nothing", len(verdicts))
		}
	})
}

// sameVerdict compares what the roster and its sources say, and returns it.
func (r *replica) sameVerdict(after string) string {
	r.t.Helper()
	request := filter.Request{PodUID: "u", Role: "kubernetes", Need: resources.Scalar(resources.CPUs, 1000)}
	nodes := []string{"plain", "shared", "other", "stranger"}
	view := r.View()
	view.Closed = "" // until the framework ID is saved
	plain := view
	plain.Roster = nil
	got := filter.Filter(view, request, filter.NamesOf(nodes...), filter.Choice{})
	if diff := cmp.Diff(filter.Filter(plain, request, filter.NamesOf(nodes...), filter.Choice{}), got); diff != "" {
		r.t.Errorf("after %s (-sources +roster):\n%s", after, diff)
	}
	scores := filter.Score(view, request, filter.NamesOf(nodes...), filter.BinPacking)
	if diff := cmp.Diff(filter.Score(plain, request, filter.NamesOf(nodes...), filter.BinPacking), scores); diff != "" {
		r.t.Errorf("scores after %s (-sources +roster):\n%s", after, diff)
	}
	return fmt.Sprint(got)
}
