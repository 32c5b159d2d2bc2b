package offercache

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

// world is a small Mesos with the naive bookkeeping that the cache is compared
// with. It keeps every agent's resources as portions that are either in its
// pool or in one outstanding offer, so that a departure which takes more than
// an offer has, or takes something twice, cannot be carried out.
type world struct {
	t                                           *testing.T
	rng                                         *rand.Rand
	cache                                       *Cache
	clock                                       *clocktesting.FakePassiveClock
	generation                                  uint64
	nextID                                      int
	keys                                        []Key
	total                                       map[Key]string                       // all resources, which never change
	pool                                        map[Key][]resources.Portion          // not offered
	offers                                      map[string]*resources.Offer          // in hand
	order                                       []string                             // of offers, as they came
	expected                                    map[Key][]remainder                  // oldest first
	waiting                                     map[Key][]Reserve                    // uid and one portion, the need
	departed                                    map[string]resources.Vector          // uid → need
	reserved                                    map[Key]map[string]resources.Portion // uid → what it got, last piece
	releasing                                   map[Key][]Release                    // on its way out
	departures, handovers, refusals, tombstoned int
}

func newWorld(t *testing.T, seed uint64) *world {
	clk := clocktesting.NewFakePassiveClock(time.Unix(0, 0))
	w := &world{
		t: t, rng: rand.New(rand.NewPCG(seed, 0)), cache: New(clk), clock: clk,
		total: map[Key]string{}, pool: map[Key][]resources.Portion{}, departed: map[string]resources.Vector{},
		reserved: map[Key]map[string]resources.Portion{}, releasing: map[Key][]Release{},
	}
	for i := range 3 {
		for _, r := range []string{role, "other"} {
			key := Key{fmt.Sprint("agent-", i), r}
			w.keys = append(w.keys, key)
			w.reserved[key] = map[string]resources.Portion{}
			w.pool[key] = []resources.Portion{
				{Vector: amounts(20, 40).Add(ports(0, 31))},
				{Layers: []resources.Layer{{Role: "k8s"}}, Vector: amounts(4, 4)}, // usable for k8s/pods only
			}
			w.total[key] = sumOf(w.pool[key]).String()
		}
	}
	w.waiting = map[Key][]Reserve{}
	w.reset()
	return w
}

func sumOf(portions []resources.Portion) resources.Vector {
	var v resources.Vector
	for _, p := range portions {
		v = v.Add(p.Vector)
	}
	return v
}

func (w *world) key() Key { return w.keys[w.rng.IntN(len(w.keys))] }

func (w *world) amounts() resources.Vector {
	v := amounts(w.rng.Int64N(6), w.rng.Int64N(8))
	if w.rng.IntN(3) == 0 {
		begin := w.rng.Uint64N(32)
		v = v.Add(ports(begin, begin+w.rng.Uint64N(2)))
	}
	return v
}

// steps are what may happen, with how often.
func (w *world) step() {
	steps := []struct {
		weight int
		do     func()
	}{
		{30, w.offer}, {8, w.rescind}, {40, w.hold}, {6, w.unhold}, {25, w.take}, {12, w.release}, {3, w.withdraw}, {4, w.expire}, {1, w.forget},
		{1, func() {
			if w.rng.IntN(4) == 0 {
				w.reset()
			}
		}},
	}
	n := w.rng.IntN(130)
	for _, s := range steps {
		if n -= s.weight; n < 0 {
			s.do()
			return
		}
	}
}

// reset starts a new subscription: all offers go back to the pools.
func (w *world) reset() {
	for _, id := range slices.Clone(w.order) {
		w.giveBack(id)
	}
	w.generation++
	w.offers, w.expected = map[string]*resources.Offer{}, map[Key][]remainder{}
	w.releasing = map[Key][]Release{}
	w.cache.Reset(w.generation)
}

// giveBack ends an outstanding offer.
func (w *world) giveBack(id string) *resources.Offer {
	o := w.offers[id]
	delete(w.offers, id)
	w.order = slices.DeleteFunc(w.order, func(other string) bool { return other == id })
	key := Key{o.AgentID, o.Role}
	w.pool[key] = merge(append(w.pool[key], o.Portions...))
	return o
}

// offer makes an offer of a random part of a pool, and sometimes rescinds it
// before the cache sees it.
func (w *world) offer() {
	key := w.key()
	o := &resources.Offer{ID: fmt.Sprint("o", w.nextID), AgentID: key.AgentID, Role: key.Role}
	w.nextID++
	var rest []resources.Portion
	for _, p := range w.pool[key] {
		part := p.Vector
		if w.rng.IntN(2) == 0 {
			part = part.Min(amounts(w.rng.Int64N(12), w.rng.Int64N(20)).Add(ports(0, w.rng.Uint64N(64))))
		}
		if !part.IsZero() {
			o.Portions = append(o.Portions, resources.Portion{Layers: p.Layers, Vector: part})
		}
		if left := p.Vector.Sub(part); !left.IsZero() {
			rest = append(rest, resources.Portion{Layers: p.Layers, Vector: left})
		}
	}
	w.pool[key] = rest
	w.offers[o.ID], w.order = o, append(w.order, o.ID)
	if w.rng.IntN(10) == 0 {
		w.tombstoned++
		w.giveBack(o.ID)
		w.cache.Rescind(w.generation, o.ID)
		if keys := w.cache.Add(w.generation, []*resources.Offer{o}); keys != nil {
			w.t.Fatalf("a rescinded offer touched %v", keys)
		}
		return
	}
	arrived := usable(o.Portions, key.Role)
	for i := 0; len(w.expected[key]) > 0 && (i == 0 || arrived.Covers(w.expected[key][0].usable)); i++ {
		arrived = arrived.Sub(w.expected[key][0].usable)
		w.expected[key] = w.expected[key][1:]
	}
	w.cache.Add(w.generation, []*resources.Offer{o})
}

func (w *world) rescind() {
	if len(w.order) > 0 {
		id := w.order[w.rng.IntN(len(w.order))]
		w.giveBack(id)
		if _, ok := w.cache.Rescind(w.generation, id); !ok {
			w.t.Fatalf("offer %s is not in hand", id)
		}
	}
}

func (w *world) hold() {
	key, uid, need := w.key(), fmt.Sprint("pod-", w.nextID), w.amounts()
	w.nextID++
	err := w.cache.Hold(uid, key, need)
	if want := !need.IsZero() && w.free(key).Covers(need); (err == nil) != want {
		w.t.Fatalf("Hold %v of %v: %v", need, w.free(key), err)
	}
	if err != nil {
		w.refusals++
		return
	}
	w.waiting[key] = append(w.waiting[key], Reserve{uid, []resources.Portion{{Vector: need}}})
}

func (w *world) unhold() {
	key := w.key()
	if n := len(w.waiting[key]); n > 0 {
		i := w.rng.IntN(n)
		w.cache.Unhold(w.waiting[key][i].PodUID)
		w.waiting[key] = slices.Delete(w.waiting[key], i, i+1)
	}
	if uids := slices.Sorted(maps.Keys(w.departed)); len(uids) > 0 {
		w.cache.Unhold(uids[0])
		delete(w.departed, uids[0])
	}
}

func (w *world) withdraw() {
	gone := w.cache.Withdraw(w.order)
	for _, id := range slices.Clone(w.order) {
		o := w.offers[id]
		busy := len(w.waiting[Key{o.AgentID, o.Role}]) > 0
		if slices.Contains(gone, id) == busy {
			w.t.Fatalf("busy: %v, withdrawn: %v", busy, !busy)
		}
		if !busy {
			w.giveBack(id)
		}
	}
}

func (w *world) expire() {
	w.clock.SetTime(w.clock.Now().Add(time.Second))
	w.cache.ExpireExpected(2 * time.Second)
	for key, rs := range w.expected {
		w.expected[key] = slices.DeleteFunc(rs, func(r remainder) bool {
			return w.clock.Now().Sub(r.since) > 2*time.Second
		})
	}
}

func (w *world) forget() {
	agent := w.key().AgentID
	for _, id := range slices.Clone(w.order) {
		if w.offers[id].AgentID == agent {
			w.giveBack(id)
		}
	}
	for key := range w.expected {
		if key.AgentID == agent {
			delete(w.expected, key)
		}
	}
	maps.DeleteFunc(w.releasing, func(key Key, _ []Release) bool { return key.AgentID == agent })
	w.cache.ForgetAgent(agent)
}

func TestAgainstModel(t *testing.T) {
	departures, handovers, refusals, tombstoned := 0, 0, 0, 0
	for seed := range uint64(10) {
		w := newWorld(t, seed)
		for range 1500 {
			before := w.cache.Snapshot()
			looked := dump(before)
			w.step()
			w.check()
			if diff := differ(looked, dump(before)); diff != "" {
				t.Fatalf("seed %d: a snapshot changed after it was published:\n%s", seed, diff)
			}
		}
		departures, handovers = departures+w.departures, handovers+w.handovers
		refusals, tombstoned = refusals+w.refusals, tombstoned+w.tombstoned
	}
	t.Logf("%d departures, %d with a hand-over, %d refused holds, %d tombstones", departures, handovers, refusals, tombstoned)
	if min(departures, refusals) < 500 || min(handovers, tombstoned) < 50 {
		t.Error("too little happened for the test to say much")
	}
}
