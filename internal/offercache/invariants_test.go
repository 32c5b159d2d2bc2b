package offercache

import (
	"fmt"
	"maps"
	"slices"

	"github.com/google/go-cmp/cmp"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

// free is what the model thinks a new hold may claim.
func (w *world) free(key Key) resources.Vector {
	v := w.inHand(key)
	for _, r := range w.expected[key] {
		v = v.Add(r.usable)
	}
	v = v.Add(w.freeing(key))
	for _, h := range w.waiting[key] {
		v = v.Sub(sumOf(h.Portions))
	}
	return v
}

// freeing is what holds may count on of the releases.
func (w *world) freeing(key Key) resources.Vector {
	var v resources.Vector
	for _, r := range w.releasing[key] {
		if !r.Doubtful {
			v = v.Add(sumOf(r.Portions)) // all of them are usable once unreserved
		}
	}
	return v
}

// release chooses anew which reservations are on their way out at a key.
func (w *world) release() {
	key := w.key()
	w.releasing[key] = nil
	for _, uid := range slices.Sorted(maps.Keys(w.reserved[key])) {
		if w.rng.IntN(2) == 0 {
			w.releasing[key] = append(w.releasing[key], Release{
				PodUID: uid, Portions: []resources.Portion{w.reserved[key][uid]},
				Due: w.rng.IntN(3) == 0, Doubtful: w.rng.IntN(5) == 0,
			})
		}
	}
	w.cache.SetReleasing(key, slices.Clone(w.releasing[key]))
}

func (w *world) inHand(key Key) resources.Vector {
	var v resources.Vector
	for _, o := range w.offers {
		if o.AgentID == key.AgentID && o.Role == key.Role {
			v = v.Add(o.Usable())
		}
	}
	return v
}

// take lets a departure leave, with reservations that are on their way out, and
// carries it out.
func (w *world) take() {
	key := w.key()
	supply := w.inHand(key)
	d, ok := w.cache.Take(key)
	if !ok {
		return
	}
	w.departures++
	supply, lingering := w.unreserved(key, d, supply)
	var stock []resources.Portion
	for _, id := range d.OfferIDs {
		o, inHand := w.offers[id]
		if !inHand || (Key{o.AgentID, o.Role}) != key {
			w.t.Fatalf("departure for %v uses %s", key, id)
		}
		stock = append(stock, w.giveBack(id).Portions...)
	}
	original := slices.Clone(stock)
	var pushed, doubtful []resources.Portion
	for _, u := range d.Unreserve {
		for _, p := range u.Portions {
			stock = w.cut(stock, p)
			if lingering[u.PodUID].Doubtful {
				doubtful = append(doubtful, p.Pop()) // nobody may use it yet
			} else {
				stock = append(stock, p.Pop())
			}
		}
		delete(w.reserved[key], u.PodUID)
	}
	w.handovers += d.HandedOver
	var need resources.Vector
	for _, r := range d.Reserve {
		need = need.Add(sumOf(r.Portions))
		stock, pushed = w.reserve(key, r, stock, pushed)
	}
	w.needed(key, lingering, supply, need)
	pushed = append(pushed, doubtful...)
	if left := usable(stock, key.Role); !left.IsZero() {
		w.expected[key] = append(w.expected[key], remainder{left, w.clock.Now()})
	}
	if w.rng.IntN(5) == 0 {
		return // the ACCEPT failed: the offers' resources are back in the pool as they were
	}
	pool := w.pool[key]
	for _, p := range original {
		pool = w.cut(pool, p)
	}
	w.pool[key] = merge(slices.Concat(pool, stock, pushed))
}

// unreserved takes a departure's releases off the model's list. It returns
// supply with what those that were due free, and what was on the list.
func (w *world) unreserved(key Key, d Departure, supply resources.Vector) (resources.Vector, map[string]Release) {
	listed := map[string]Release{}
	for _, r := range w.releasing[key] {
		listed[r.PodUID] = r
	}
	for _, u := range d.Unreserve {
		r, ok := listed[u.PodUID]
		if !ok || !r.Portions[0].Vector.Covers(sumOf(u.Portions)) {
			w.t.Fatalf("%v leaves, of %v", u, r)
		}
		if r.Due && !r.Doubtful {
			supply = supply.Add(sumOf(u.Portions))
			listed[u.PodUID] = Release{Due: true}
		} else {
			r.Portions = u.Portions
			listed[u.PodUID] = r
		}
	}
	w.releasing[key] = slices.DeleteFunc(w.releasing[key], func(r Release) bool {
		return slices.ContainsFunc(d.Unreserve, func(u Unreserve) bool { return u.PodUID == r.PodUID })
	})
	for uid := range listed {
		if !slices.ContainsFunc(d.Unreserve, func(u Unreserve) bool { return u.PodUID == uid }) {
			delete(listed, uid)
		}
	}
	return supply, listed
}

// needed checks that none of the releases that left before they were due could
// have stayed.
func (w *world) needed(key Key, left map[string]Release, supply, need resources.Vector) {
	for uid, r := range left {
		if r.Due {
			continue
		}
		if r.Doubtful {
			w.t.Fatalf("%s leaves %v although nobody may count on it", uid, key)
		}
		without := supply
		for other, o := range left {
			if other != uid && !o.Due {
				without = without.Add(sumOf(o.Portions))
			}
		}
		if without.Covers(need) {
			w.t.Fatalf("%s leaves %v before it is due, and %v covers %v without it", uid, key, without, need)
		}
	}
}

// reserve carries one pod's share of a departure out.
func (w *world) reserve(key Key, r Reserve, stock, pushed []resources.Portion) (rest, all []resources.Portion) {
	i := slices.IndexFunc(w.waiting[key], func(h Reserve) bool { return h.PodUID == r.PodUID })
	if i < 0 {
		w.t.Fatalf("%s departs and does not wait", r.PodUID)
	}
	need := sumOf(w.waiting[key][i].Portions)
	if !sumOf(r.Portions).Equal(need) {
		w.t.Fatalf("%s gets %v, needs %v", r.PodUID, r.Portions, need)
	}
	w.waiting[key] = slices.Delete(w.waiting[key], i, i+1)
	w.departed[r.PodUID] = need
	for _, p := range r.Portions {
		if !p.Usable(key.Role) {
			w.t.Fatalf("%s gets %v, which %s cannot reserve", r.PodUID, p, key.Role)
		}
		stock = w.cut(stock, p)
		mine := p.Push(resources.Layer{Dynamic: true, Role: key.Role, Labels: []resources.Label{{Key: "pod", Value: r.PodUID}}}, p.Vector)
		pushed = append(pushed, mine)
		w.reserved[key][r.PodUID] = mine
	}
	return stock, pushed
}

// cut takes p out of portions, which must hold it.
func (w *world) cut(portions []resources.Portion, p resources.Portion) []resources.Portion {
	portions = merge(portions)
	i := slices.IndexFunc(portions, p.SameStack)
	if i < 0 || !portions[i].Vector.Covers(p.Vector) {
		w.t.Fatalf("%v is not in %v", p, portions)
	}
	portions[i].Vector = portions[i].Vector.Sub(p.Vector)
	return slices.DeleteFunc(portions, func(p resources.Portion) bool { return p.Vector.IsZero() })
}

// check compares the cache with the model in everything that can be seen.
func (w *world) check() {
	views := dump(w.cache.Snapshot())
	want := map[Key]string{}
	for _, key := range w.keys {
		all := w.pool[key]
		var offered resources.Vector
		visible := len(w.expected[key]) > 0 || !w.freeing(key).IsZero()
		for _, o := range w.offers {
			if o.AgentID == key.AgentID && o.Role == key.Role {
				all, visible = slices.Concat(all, o.Portions), true
				offered = offered.Add(sumOf(o.Portions))
			}
		}
		if got := sumOf(all).String(); got != w.total[key] {
			w.t.Fatalf("%v has %s, had %s at first", key, got, w.total[key])
		}
		certain := w.inHand(key)
		for _, h := range w.waiting[key] {
			certain = certain.Sub(sumOf(h.Portions))
		}
		if visible {
			want[key] = fmt.Sprint(w.free(key), " ", certain, " ", offered)
		}
		if diff := cmp.Diff(w.doomed(key), w.cache.Doomed(key)); diff != "" {
			w.t.Fatalf("doomed of %v (-want +got):\n%s", key, diff)
		}
	}
	if diff := differ(want, views); diff != "" {
		w.t.Fatalf("snapshot (-want +got):\n%s", diff)
	}
	w.checkStats()
}

func (w *world) checkStats() {
	want := Stats{Generation: w.generation, Offers: len(w.offers), Agents: w.cache.Snapshot().Len(), HoldsDeparted: len(w.departed)}
	var waiting []Key
	listed := map[string]bool{} // agents of releases
	for _, key := range w.keys {
		want.HoldsWaiting += len(w.waiting[key])
		if len(w.expected[key]) > 0 {
			want.Expected++
		}
		if len(w.waiting[key]) > 0 {
			waiting = append(waiting, key)
		}
		if len(w.releasing[key]) > 0 {
			listed[key.AgentID] = true
		}
	}
	if diff := cmp.Diff(want, w.cache.Stats()); diff != "" {
		w.t.Fatalf("stats (-want +got):\n%s", diff)
	}
	got := w.cache.Waiting()
	slices.SortFunc(got, func(a, b Key) int { return slices.Index(w.keys, a) - slices.Index(w.keys, b) })
	if diff := cmp.Diff(waiting, got); diff != "" {
		w.t.Fatalf("keys with waiting holds (-want +got):\n%s", diff)
	}
	needed := listed
	for _, key := range waiting {
		needed[key.AgentID] = true
	}
	for id := range w.cache.Snapshot().Agents() {
		needed[id] = true
	}
	if got := len(w.cache.agents); got != len(needed) {
		w.t.Fatalf("the cache keeps %d agents, needs %v", got, needed)
	}
}

// doomed is what the model expects of Doomed.
func (w *world) doomed(key Key) []string {
	left := w.inHand(key)
	for _, r := range w.expected[key] {
		left = left.Add(r.usable)
	}
	left = left.Add(w.freeing(key))
	var out []string
	for _, h := range w.waiting[key] {
		if need := sumOf(h.Portions); left.Covers(need) {
			left = left.Sub(need)
		} else {
			out = append(out, h.PodUID)
		}
	}
	return out
}

// differ is cmp.Diff, fast where there is no difference.
func differ(want, got map[Key]string) string {
	if maps.Equal(want, got) {
		return ""
	}
	return cmp.Diff(want, got)
}

// dump renders every role of every agent.
func dump(s *Snapshot) map[Key]string {
	out := map[Key]string{}
	for id, view := range maps.Collect(s.Agents()) {
		for _, r := range view.Roles {
			out[Key{id, r.Role}] = fmt.Sprint(r.Free, " ", r.Certain, " ", r.Offered)
		}
	}
	return out
}
