package offercache

import (
	"slices"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

// patience is how often later holds may leave before one that the offers in
// hand do not cover yet. Without a bound, a stream of small pods could keep
// taking apart what a large one waits for.
const patience = 3

// Departure is everything that leaves for one agent in one ACCEPT.
type Departure struct {
	Generation uint64
	Key        Key
	// OfferIDs are the offers to accept. They are spent: whatever the outcome
	// (scenario 4), Mesos offers what is left of them anew.
	OfferIDs []string
	// Unreserve stands before Reserve in the ACCEPT, which may already use what
	// it frees. Its sizes are those in the offers (trap T12: if an UNRESERVE
	// succeeds and the RESERVE after it fails, the resources are anybody's).
	Unreserve []Unreserve
	Reserve   []Reserve
	// HandedOver is how many of Unreserve free what Reserve needs beyond the
	// offers.
	HandedOver int
}

// Unreserve is what leaves of one release.
type Unreserve struct {
	PodUID   string
	Portions []resources.Portion
}

// Reserve is one pod's share of a departure.
type Reserve struct {
	PodUID string
	// Portions are the pieces taken, under the stack they stand under once
	// Unreserve is done; the caller pushes its own layer.
	Portions []resources.Portion
}

// Take lets the waiting holds that the offers in hand cover leave, in arrival
// order, together with the releases found in those offers that are due or that
// the holds need, in one departure that uses the fewest offers (trap T5: one
// stale offer fails them all). What the departure leaves over is expected
// back. ok is false if there is nothing that can leave.
func (c *Cache) Take(key Key) (Departure, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.slotOf(key)
	if s == nil {
		return Departure{}, false
	}
	found := find(s.offers, s.releasing)
	supply := plus(s.inHand(), usable(s.sure(s.due(found)).popped(), key.Role))
	leaving := s.next(plus(s.inHand(), usable(s.sure(found).popped(), key.Role)))
	var need resources.Vector
	for _, h := range leaving {
		need = need.Add(h.need)
	}
	freed, handed := s.freed(found, supply, need)
	if !s.inHand().Covers(need) {
		handed += s.sure(s.due(found)).releases()
	}
	if len(leaving) == 0 && len(freed) == 0 {
		return Departure{}, false
	}
	stock := s.sure(freed).popped()
	chosen := fewest(s.offers, freed, minus(need, usable(stock, key.Role)))
	d := Departure{Generation: c.generation, Key: key, HandedOver: handed, Unreserve: s.spend(freed)}
	for _, h := range chosen {
		d.OfferIDs = append(d.OfferIDs, h.offer.ID)
		stock = append(stock, usablePortions(h.offer)...)
		c.drop(h)
	}
	d.Reserve, stock = c.depart(s, leaving, stock)
	c.expect(s, usable(stock, key.Role))
	c.touch(s)
	c.refresh()
	return d, true
}

// next returns the waiting holds that amounts cover, in arrival order. It
// stops at one that was passed over too often, unless nothing that is expected
// can help it any more.
func (s *slot) next(amounts resources.Vector) []*hold {
	doomed := uncovered(s.waiting, s.total())
	var leaving, passed []*hold
	for _, h := range s.waiting {
		if amounts.Covers(h.need) {
			amounts = amounts.Sub(h.need)
			leaving = append(leaving, h)
			continue
		}
		if slices.Contains(doomed, h) {
			continue
		}
		if h.passed >= patience {
			break
		}
		passed = append(passed, h)
	}
	if len(leaving) > 0 {
		last := leaving[len(leaving)-1].arrival
		for _, h := range passed {
			if h.arrival < last {
				h.passed++
			}
		}
	}
	return leaving
}

// depart cuts every leaving hold out of stock and returns the rest of it.
func (c *Cache) depart(s *slot, leaving []*hold, stock []resources.Portion) ([]Reserve, []resources.Portion) {
	stock = merge(stock)
	reserve := make([]Reserve, 0, len(leaving))
	for _, h := range leaving {
		pieces, rest, ok := resources.Carve(stock, s.key.Role, h.need)
		if !ok {
			continue // it waits on; cannot happen, the chosen offers cover all
		}
		stock = rest
		s.leave(h)
		h.slot = nil
		c.departed++
		reserve = append(reserve, Reserve{h.podUID, pieces})
	}
	return reserve, stock
}

// expect notes the remainder of a departure.
func (c *Cache) expect(s *slot, amounts resources.Vector) {
	if !amounts.IsZero() {
		s.remainders = append(s.remainders, remainder{amounts, c.clock.Now()})
	}
}
