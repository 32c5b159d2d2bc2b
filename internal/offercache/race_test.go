package offercache

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
	clocktesting "k8s.io/utils/clock/testing"
)

// TestConcurrentUse lets readers, holders, departures and the event loop run
// against each other. What each departure takes is added up per offer, and no
// offer may leave twice.
func TestConcurrentUse(t *testing.T) {
	const agents, rounds, holders, readers = 8, 200, 8, 4
	cache := New(clocktesting.NewFakePassiveClock(time.Unix(0, 0)))
	cache.Reset(1)
	keyOf := func(n int) Key { return Key{fmt.Sprint("agent-", n), role} }
	size := amounts(4, 400)

	var spent sync.Map // offer ID → departure
	var left, held atomic.Int64
	depart := func(key Key) {
		d, ok := cache.Take(key, nil)
		if !ok {
			return
		}
		var taken resources.Vector
		for _, r := range d.Reserve {
			taken = taken.Add(sumOf(r.Portions))
			cache.Unhold(r.PodUID)
		}
		left.Add(int64(len(d.Reserve)))
		for _, id := range d.OfferIDs {
			if other, twice := spent.LoadOrStore(id, d.Reserve); twice {
				t.Errorf("%s left with %v and with %v", id, other, d.Reserve)
			}
		}
		if offered := int64(len(d.OfferIDs)) * 4000; int64(taken.Get(resources.CPUs)) > offered {
			t.Errorf("%v were taken of %d offers", taken, len(d.OfferIDs))
		}
	}

	done := make(chan struct{})
	var writers, others sync.WaitGroup
	writers.Go(func() { // the event loop
		for round := range rounds {
			var burst []*resources.Offer
			for n := range agents {
				burst = append(burst, offer(fmt.Sprint("o", round, "-", n), keyOf(n), size))
			}
			cache.Add(1, burst)
			cache.Rescind(1, fmt.Sprint("o", round, "-", round%agents))
			cache.ExpireExpected(0)
			if round%50 == 49 {
				cache.ForgetAgent(keyOf(0).AgentID)
			}
		}
	})
	for h := range holders {
		writers.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(h), 0))
			for i := range rounds * 2 {
				uid, key := fmt.Sprint("pod-", h, "-", i), keyOf(rng.IntN(agents))
				if cache.Hold(uid, key, amounts(1+rng.Int64N(3), 100)) == nil {
					held.Add(1)
				}
				switch rng.IntN(4) {
				case 0:
					cache.Unhold(uid)
				case 1:
					cache.Withdraw([]string{fmt.Sprint("o", i/2, "-", rng.IntN(agents))})
				default:
					depart(key)
				}
			}
		})
	}
	for range readers {
		others.Go(func() { readUntil(t, cache, done) })
	}
	writers.Wait()
	close(done)
	others.Wait()
	if held.Load() == 0 || left.Load() == 0 {
		t.Errorf("%d held, %d left: nothing happened", held.Load(), left.Load())
	}
}

// readUntil reads snapshots until done: each must agree with itself.
func readUntil(t *testing.T, cache *Cache, done <-chan struct{}) {
	for {
		select {
		case <-done:
			return
		default:
		}
		s, seen := cache.Snapshot(), 0
		for id, view := range s.Agents() {
			seen++
			if again, ok := s.Agent(id); !ok || again != view {
				t.Errorf("agent %s is listed but not found", id)
			}
			for _, r := range view.Roles {
				if !r.Free.Covers(r.Certain) {
					t.Errorf("free %v is less than certain %v", r.Free, r.Certain)
				}
			}
		}
		if seen != s.Len() {
			t.Errorf("%d agents listed, %d counted", seen, s.Len())
		}
	}
}
