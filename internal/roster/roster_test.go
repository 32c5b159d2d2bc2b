package roster

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/filter"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/offercache"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

var pod = filter.Request{PodUID: "p", Role: role, Need: cpus(4)}

// verdict says whether the pod fits a node, or why not.
func (w *world) verdict(node string) filter.Reason {
	verdict := filter.Filter(w.view(), pod, filter.NamesOf(node), filter.Choice{})
	if verdict.Fitting == 1 {
		return "fits"
	}
	return verdict.Unresolvable[0]
}

// Whatever changes, the next call sees it.
func TestEveryChangeIsSeen(t *testing.T) {
	const fits = filter.Reason("fits")
	key := offercache.Key{AgentID: agentOf(1), Role: role}
	plan := &resources.Maintenance{}
	for _, test := range []struct {
		name          string
		before, after filter.Reason
		begin, change func(*testing.T, *world)
	}{
		{"an offer comes", filter.NoOffers, fits, nothing, func(_ *testing.T, w *world) { w.offer(1, 8) }},
		{"an offer is rescinded", fits, filter.NoOffers,
			func(_ *testing.T, w *world) { w.offer(1, 8) },
			func(_ *testing.T, w *world) { w.cache.Rescind(1, "O1") }},
		{"the subscription ends", fits, filter.NoOffers,
			func(_ *testing.T, w *world) { w.offer(1, 8) },
			func(_ *testing.T, w *world) { w.cache.Reset(2) }},
		{"a pod's hold", fits, filter.InsufficientCPUs,
			func(_ *testing.T, w *world) { w.offer(1, 8) },
			func(t *testing.T, w *world) { w.hold(t, key, 5) }},
		{"the hold is given up", filter.InsufficientCPUs, fits,
			func(t *testing.T, w *world) { w.offer(1, 6); w.hold(t, key, 3) },
			func(_ *testing.T, w *world) { w.cache.Unhold("other") }},
		{"the expected rest does not come", fits, filter.NoOffers,
			func(t *testing.T, w *world) { w.offer(1, 8); w.hold(t, key, 2); w.cache.Take(key) },
			func(_ *testing.T, w *world) { time.Sleep(time.Minute); w.cache.ExpireExpected(time.Second) }},
		{"a release", filter.NoOffers, fits, nothing, func(_ *testing.T, w *world) {
			w.cache.SetReleasing(key, []offercache.Release{{PodUID: "r", Portions: []resources.Portion{{
				Vector: cpus(8), Layers: []resources.Layer{{Role: role, Dynamic: true}},
			}}}})
		}},
		{"the pod's own reservation", filter.NoOffers, fits, nothing, func(_ *testing.T, w *world) {
			w.occupants.set(agentOf(1), filter.Occupant{UID: "p", Reserved: cpus(4)})
		}},
		{"the reservation of the pod is smaller now", fits, filter.NoOffers,
			func(_ *testing.T, w *world) {
				w.occupants.set(agentOf(1), filter.Occupant{UID: "p", Reserved: cpus(4)})
			},
			func(_ *testing.T, w *world) {
				w.occupants.set(agentOf(1), filter.Occupant{UID: "p", Reserved: cpus(3)})
			}},
		{"changes that are not known", filter.NoOffers, fits, nothing, func(_ *testing.T, w *world) {
			w.occupants.set(agentOf(1), filter.Occupant{UID: "p", Reserved: cpus(4)})
			w.occupants.forget()
		}},
		{"a drain", fits, filter.AgentDraining,
			func(_ *testing.T, w *world) { w.offer(1, 8) },
			func(_ *testing.T, w *world) { w.drain(agentOf(1)) }},
		{"the end of a drain", filter.AgentDraining, fits,
			func(_ *testing.T, w *world) { w.offer(1, 8); w.drain(agentOf(1)) },
			func(_ *testing.T, w *world) { w.drain() }},
		{"another agent", filter.NoOffers, fits,
			func(_ *testing.T, w *world) { w.offer(2, 8) },
			func(_ *testing.T, w *world) { w.remap(map[string]string{nodeOf(1): agentOf(2), nodeOf(2): agentOf(1)}) }},
		{"an ambiguous agent", fits, filter.AmbiguousAgent,
			func(_ *testing.T, w *world) { w.offer(1, 8) },
			func(_ *testing.T, w *world) { w.remap(map[string]string{nodeOf(1): "?"}) }},
		{"a maintenance is planned", fits, filter.AgentMaintenance,
			func(_ *testing.T, w *world) { w.offer(1, 4) },
			func(_ *testing.T, w *world) { w.offerBefore(1, 4, plan) }},
		{"a maintenance draws near", fits, filter.AgentMaintenance,
			func(_ *testing.T, w *world) {
				w.offerBefore(1, 4, &resources.Maintenance{Start: time.Now().Add(time.Minute)})
			},
			func(*testing.T, *world) { time.Sleep(time.Minute) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(3)
				test.begin(t, w)
				if got := w.verdict(nodeOf(1)); got != test.before {
					t.Fatalf("before: %q, want %q", got, test.before)
				}
				test.change(t, w)
				if got := w.verdict(nodeOf(1)); got != test.after {
					t.Errorf("after: %q, want %q", got, test.after)
				}
			})
		})
	}
}

func nothing(*testing.T, *world) {}

// hold has another pod hold some CPUs.
func (w *world) hold(t *testing.T, key offercache.Key, cpu int) {
	t.Helper()
	if err := w.cache.Hold("other", key, cpus(cpu)); err != nil {
		t.Fatal(err)
	}
}

func TestNodeComesAndGoes(t *testing.T) {
	w := newWorld(1)
	w.offer(1, 8)
	if got := w.verdict(nodeOf(1)); got != filter.NoAgent {
		t.Errorf("before the node came: %q", got)
	}
	w.remap(map[string]string{nodeOf(1): agentOf(1)})
	if got := w.verdict(nodeOf(1)); got != "fits" {
		t.Errorf("when the node had come: %q", got)
	}
	w.nodes.Store(newNodeMap(map[string]string{nodeOf(0): agentOf(0)}))
	if got := w.verdict(nodeOf(1)); got != filter.NoAgent {
		t.Errorf("when the node had gone: %q", got)
	}
}

func TestRolesAreApart(t *testing.T) {
	w := newWorld(1)
	w.offer(0, 8)
	other := pod
	other.Role = "other"
	if got := w.verdict(nodeOf(0)); got != "fits" {
		t.Errorf("%q in the role of the offer", got)
	}
	verdict := filter.Filter(w.view(), other, filter.NamesOf(nodeOf(0)), filter.Choice{})
	if diff := cmp.Diff([]filter.Reason{filter.NoOffers}, verdict.Unresolvable); diff != "" {
		t.Errorf("in another role (-want +got):\n%s", diff)
	}
}

// After each of many random changes the roster's answer is the one that follows
// from the sources, for nodes that were looked at before and for others.
func TestRosterIsItsSources(t *testing.T) {
	const agents = 200
	for seed := range uint64(10) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			dice, w := rand.New(rand.NewPCG(seed, 1)), newWorld(agents)
			kinds := map[filter.Reason]int{}
			for range 400 {
				w.change(dice, agents)
				some := make([]string, dice.IntN(agents))
				for i := range some {
					some[i] = nodeOf(dice.IntN(agents + 3))
				}
				choice := filter.Choice{Candidates: dice.IntN(2) * 16}
				want := filter.Filter(w.plain(), pod, filter.NamesOf(some...), choice)
				if diff := cmp.Diff(want, filter.Filter(w.view(), pod, filter.NamesOf(some...), choice)); diff != "" {
					t.Fatalf("(-sources +roster):\n%s", diff)
				}
				if diff := cmp.Diff(filter.Score(w.plain(), pod, filter.NamesOf(some...), filter.BinPacking), filter.Score(w.view(), pod, filter.NamesOf(some...), filter.BinPacking)); diff != "" {
					t.Fatalf("scores (-sources +roster):\n%s", diff)
				}
				kinds["fits"] += want.Fitting
				for reason, count := range want.Reasons {
					kinds[reason] += count
				}
			}
			if len(kinds) < 6 {
				t.Errorf("only %v were seen: the changes prove nothing", kinds)
			}
		})
	}
}

// change changes one of the sources.
func (w *world) change(dice *rand.Rand, agents int) {
	at := dice.IntN(agents)
	key := offercache.Key{AgentID: agentOf(at), Role: role}
	switch dice.IntN(17) {
	default:
		w.offer(at, 1+dice.IntN(8))
	case 0, 1:
		w.cache.Rescind(1, fmt.Sprint("O", 1+dice.Int64N(w.offers.Load()+1)))
	case 2:
		w.offerBefore(at, 8, &resources.Maintenance{Start: time.Unix(0, 0)})
	case 3:
		_ = w.cache.Hold(fmt.Sprint("h", dice.IntN(20)), key, cpus(2)) // or there is no room
	case 4:
		w.cache.Unhold(fmt.Sprint("h", dice.IntN(20)))
	case 5:
		w.cache.Take(key)
	case 6, 7:
		w.occupants.set(agentOf(at), filter.Occupant{UID: []string{"p", "q"}[dice.IntN(2)], Reserved: cpus(4)})
	case 8:
		w.occupants.set(agentOf(at))
	case 9:
		w.occupants.forget()
	case 10:
		w.drain(agentOf(at), agentOf(dice.IntN(agents)))
	case 11:
		w.remap(map[string]string{nodeOf(at): []string{"?", agentOf(at)}[dice.IntN(2)]})
	case 12:
		w.avoid(nodeOf(at), nodeOf(dice.IntN(agents)))
	}
}
