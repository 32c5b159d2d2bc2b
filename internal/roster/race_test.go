package roster

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/filter"
)

// Each writer changes its own agent and must see at once what it did, while
// readers look at all agents and so compute places from what was before.
func TestOwnChangesAreSeenAtOnce(t *testing.T) {
	const writers, steps = 4, 300
	w := newWorld(writers)
	all := make([]string, writers)
	for i := range all {
		all[i] = nodeOf(i)
	}
	var done atomic.Bool
	var reading, writing sync.WaitGroup
	for range 3 {
		reading.Go(func() {
			for !done.Load() {
				filter.Filter(w.view(), pod, filter.NamesOf(all...), filter.Choice{})
			}
		})
	}
	for i := range writers {
		writing.Go(func() { w.write(t, i, steps) })
	}
	writing.Wait()
	done.Store(true)
	reading.Wait()
}

func (w *world) write(t *testing.T, agent, steps int) {
	see := func(after string, want filter.Reason) {
		if got := w.verdict(nodeOf(agent)); got != want {
			t.Errorf("agent %d: %q after %s, want %q", agent, got, after, want)
		}
	}
	for i := range steps {
		id := w.offer(agent, 8)
		see("an offer", "fits")
		w.cache.Rescind(1, id)
		see("its end", filter.NoOffers)
		w.occupants.set(agentOf(agent), filter.Occupant{UID: pod.PodUID, Reserved: cpus(4)})
		see("a reservation", "fits")
		w.occupants.set(agentOf(agent), filter.Occupant{UID: fmt.Sprint(i), Reserved: cpus(4)})
		see("another pod's", filter.NoOffers)
		if agent == 0 && i%10 == 0 { // all others look on
			w.drain(agentOf(agent))
			see("a drain", filter.AgentDraining)
			w.drain()
			see("its end", filter.NoOffers)
		}
	}
}
