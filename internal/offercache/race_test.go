package offercache

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

const (
	trafficAgents = 8
	trafficRounds = 200
)

// traffic is everything that uses one cache at once.
type traffic struct {
	*testing.T
	cache *Cache
	spent sync.Map // offer ID → the departure it left with
	held  atomic.Int64
	left  atomic.Int64
}

func trafficKey(n int) Key { return Key{fmt.Sprint("agent-", n), role} }

// events is the event loop.
func (tr *traffic) events() {
	for round := range trafficRounds {
		var burst []*resources.Offer
		for n := range trafficAgents {
			burst = append(burst, offer(fmt.Sprint("o", round, "-", n), trafficKey(n), amounts(4, 400)))
		}
		tr.cache.Add(1, burst)
		tr.cache.Rescind(1, fmt.Sprint("o", round, "-", round%trafficAgents))
		tr.cache.ExpireExpected(0)
		if round%50 == 49 {
			tr.cache.ForgetAgent(trafficKey(0).AgentID)
		}
	}
}

// binds is one stream of binds.
func (tr *traffic) binds(n uint64) {
	rng := rand.New(rand.NewPCG(n, 0))
	for i := range 2 * trafficRounds {
		uid, key := fmt.Sprint("pod-", n, "-", i), trafficKey(rng.IntN(trafficAgents))
		if tr.cache.Hold(uid, key, amounts(1+rng.Int64N(3), 100)) == nil {
			tr.held.Add(1)
		}
		switch rng.IntN(4) {
		case 0:
			tr.cache.Unhold(uid)
		case 1:
			tr.cache.Withdraw([]string{fmt.Sprint("o", i/2, "-", rng.IntN(trafficAgents))})
		default:
			tr.depart(key)
		}
	}
}

func (tr *traffic) depart(key Key) {
	d, ok := tr.cache.Take(key)
	if !ok {
		return
	}
	var taken resources.Vector
	for _, r := range d.Reserve {
		taken = taken.Add(sumOf(r.Portions))
		tr.cache.Unhold(r.PodUID)
	}
	tr.left.Add(int64(len(d.Reserve)))
	for _, id := range d.OfferIDs {
		if other, twice := tr.spent.LoadOrStore(id, d.Reserve); twice {
			tr.Errorf("%s left with %v and with %v", id, other, d.Reserve)
		}
	}
	if offered := len(d.OfferIDs) * 4000; int(taken.Get(resources.CPUs)) > offered {
		tr.Errorf("%v were taken of %d offers", taken, len(d.OfferIDs))
	}
}

// TestConcurrentUse lets readers, binds and the event loop run against each
// other. What each departure takes is added up, and no offer may leave twice.
func TestConcurrentUse(t *testing.T) {
	tr := &traffic{T: t, cache: New(clocktesting.NewFakePassiveClock(time.Unix(0, 0)))}
	tr.cache.Reset(1)
	done := make(chan struct{})
	var writers, readers sync.WaitGroup
	writers.Go(tr.events)
	for n := range uint64(8) {
		writers.Go(func() { tr.binds(n) })
	}
	for range 4 {
		readers.Go(func() { readUntil(t, tr.cache, done) })
	}
	writers.Wait()
	close(done)
	readers.Wait()
	if tr.held.Load() == 0 || tr.left.Load() == 0 {
		t.Errorf("%d held, %d left: nothing happened", tr.held.Load(), tr.left.Load())
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
