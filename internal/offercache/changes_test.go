package offercache

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

// small is one offer of an agent, as Add takes it.
func small(id, agentID string) []*resources.Offer {
	return []*resources.Offer{offer(id, Key{AgentID: agentID, Role: role}, amounts(1, 32))}
}

// differing compares two snapshots agent by agent.
func differing(old, s *Snapshot) map[string]*AgentView {
	out := map[string]*AgentView{}
	for id, view := range s.Agents() {
		if former, ok := old.Agent(id); !ok || former != view {
			out[id] = view
		}
	}
	for id := range old.Agents() {
		if _, ok := s.Agent(id); !ok {
			out[id] = nil
		}
	}
	return out
}

// since collects what Since yields.
func since(t *testing.T, old, s *Snapshot) map[string]*AgentView {
	t.Helper()
	out := map[string]*AgentView{}
	for id, view := range s.Since(old) {
		if _, twice := out[id]; twice {
			t.Errorf("%s is told twice", id)
		}
		out[id] = view
	}
	return out
}

// Snapshots of a cache that lives through offers, rescinds, a new subscription
// and growth are compared with ones any number of changes older.
func TestSinceAgainstFullComparison(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	f := subscribed(t)
	kept := []*Snapshot{f.Snapshot()}
	for step := range 400 {
		generation := f.Snapshot().Generation()
		switch {
		case step == 200:
			f.Reset(generation + 1)
		case step == 100:
			for i := range 2000 { // more than one page holds
				id := fmt.Sprint("late-", i)
				f.Add(generation, small(id, id))
			}
		case rng.IntN(3) > 0:
			f.Add(generation, small(fmt.Sprint("O", step), fmt.Sprint("agent-", rng.IntN(80))))
		default:
			f.Rescind(generation, fmt.Sprint("O", rng.IntN(step+1)))
		}
		old := kept[max(0, len(kept)-1-rng.IntN(5))]
		if want, got := differing(old, f.Snapshot()), since(t, old, f.Snapshot()); !maps.Equal(want, got) {
			t.Fatalf("step %d: since gives %d agents, want %d", step, len(got), len(want))
		}
		kept = append(kept, f.Snapshot())
	}
}

func TestSinceNothing(t *testing.T) {
	f := subscribed(t, offer("O1", key1, amounts(1, 32)))
	if got := since(t, nil, f.Snapshot()); len(got) != 1 || got[key1.AgentID] == nil {
		t.Errorf("since nothing: %v, want the one agent", got)
	}
	if got := since(t, f.Snapshot(), f.Snapshot()); len(got) != 0 {
		t.Errorf("since itself: %v, want nothing", got)
	}
}

func TestSinceStopsWhenTold(t *testing.T) {
	f := subscribed(t)
	old := f.Snapshot()
	for i := range 50 {
		f.Add(1, small(fmt.Sprint("O", i), fmt.Sprint("agent-", i)))
	}
	for _, from := range []*Snapshot{nil, old} {
		told := 0
		for range f.Snapshot().Since(from) {
			if told++; told == 3 {
				break
			}
		}
		if told != 3 {
			t.Errorf("told %d, want 3", told)
		}
	}
}

// BenchmarkSince compares two snapshots of 100,000 agents between which 250
// have changed: a quarter of a second of a large and busy cluster.
func BenchmarkSince(b *testing.B) {
	c := New(clocktesting.NewFakePassiveClock(time.Unix(0, 0)))
	c.Reset(1)
	for i := range 100_000 {
		c.Add(1, small(fmt.Sprint("O", i), fmt.Sprint("agent-", i)))
	}
	old := c.Snapshot()
	for i := range 250 {
		c.Add(1, small(fmt.Sprint("P", i), fmt.Sprint("agent-", i*400)))
	}
	b.ReportAllocs()
	for b.Loop() {
		changed := 0
		for range c.Snapshot().Since(old) {
			changed++
		}
		if changed != 250 {
			b.Fatalf("%d changed, want 250", changed)
		}
	}
}
