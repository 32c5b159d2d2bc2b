package offercache

import (
	"cmp"
	"slices"
	"time"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

// HeldOffer is one offer in hand.
type HeldOffer struct {
	Offer *resources.Offer
	Since time.Time // when it arrived
	Busy  bool      // a hold waits on its key
}

// Held returns the offers that have been in hand for at least that long, oldest
// first. Its cost grows with their number.
func (c *Cache) Held(age time.Duration) []HeldOffer {
	old := c.held(age)
	slices.SortFunc(old, func(a, b HeldOffer) int {
		return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.Offer.ID, b.Offer.ID))
	})
	return old
}

func (c *Cache) held(age time.Duration) []HeldOffer {
	c.mu.Lock()
	defer c.mu.Unlock()
	var old []HeldOffer
	now := c.clock.Now()
	for h := c.byAge.next; h != &c.byAge && now.Sub(h.since) >= age; h = h.next {
		old = append(old, HeldOffer{h.offer, h.since, len(h.slot.waiting) > 0})
	}
	return old
}

// takeIn takes an offer into hand as the newest.
func (c *Cache) takeIn(h *held) {
	c.offers[h.offer.ID] = h
	h.last, h.next = c.byAge.last, &c.byAge
	h.last.next, h.next.last = h, h
}

// letGo is the inverse of takeIn.
func (c *Cache) letGo(h *held) {
	delete(c.offers, h.offer.ID)
	h.last.next, h.next.last = h.next, h.last
}

// Withdraw takes those of the named offers out of the cache on whose key no
// hold waits, atomically against Hold, and returns their IDs: the caller
// declines them, nobody else can use them any more.
func (c *Cache) Withdraw(offerIDs []string) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var gone []string
	for _, id := range offerIDs {
		h, known := c.offers[id]
		if !known || len(h.slot.waiting) > 0 {
			continue
		}
		c.drop(h)
		gone = append(gone, id)
	}
	c.refresh()
	return gone
}

// Stats are the cache's sizes, for metrics.
type Stats struct {
	Generation    uint64
	Offers        int // in hand
	Agents        int // that readers see
	HoldsWaiting  int
	HoldsDeparted int
	Expected      int // keys with a remainder on its way back
	Tombstones    int
}

// Stats returns the sizes at this moment, in constant time.
func (c *Cache) Stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	return Stats{
		Generation:    c.generation,
		Offers:        len(c.offers),
		Agents:        c.snapshot.Load().table.count,
		HoldsWaiting:  len(c.holds) - c.departed,
		HoldsDeparted: c.departed,
		Expected:      len(c.expecting),
		Tombstones:    c.tombstones.len(),
	}
}
