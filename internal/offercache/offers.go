package offercache

import (
	"slices"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

// chunk is how many offers Add takes in under one lock, so that a burst from a
// large cluster does not keep holds waiting for its whole length: some
// milliseconds. Each one is published, which copies nearly every page that the
// snapshots share, however few of its agents have changed.
const chunk = 16384

// Add takes offers in and returns the keys it touched, each once. Offers of
// another generation, those already rescinded (a tombstone) and those already
// in hand are ignored. An offer settles what its key expected: Mesos hands the
// remainder of an ACCEPT back in one new offer (trap T6).
func (c *Cache) Add(generation uint64, offers []*resources.Offer) []Key {
	if len(offers) <= chunk {
		return c.addChunk(generation, offers)
	}
	var touched []Key
	seen := make(map[Key]struct{}, len(offers))
	for part := range slices.Chunk(offers, chunk) {
		for _, key := range c.addChunk(generation, part) {
			if _, again := seen[key]; !again {
				seen[key] = struct{}{}
				touched = append(touched, key)
			}
		}
	}
	return touched
}

func (c *Cache) addChunk(generation uint64, offers []*resources.Offer) []Key {
	c.mu.Lock()
	defer c.mu.Unlock()
	if generation == 0 || generation != c.generation {
		return nil
	}
	for _, offer := range offers {
		c.addOne(offer)
	}
	return c.refresh()
}

func (c *Cache) addOne(offer *resources.Offer) {
	if _, known := c.offers[offer.ID]; known || c.tombstones.remove(offer.ID) {
		return
	}
	s := c.ensure(Key{offer.AgentID, offer.Role})
	h := &held{offer: offer, slot: s, since: c.clock.Now(), usable: usable(offer.Portions, offer.Role)}
	c.takeIn(h)
	c.agents[offer.AgentID].latest = offer
	if offer.Maintenance != nil {
		c.plans[offer.AgentID] = offer.Maintenance
	} else {
		delete(c.plans, offer.AgentID)
	}
	s.offers = append(s.offers, h)
	s.settle(h.usable)
	c.touch(s)
}

// Rescind takes an offer away and returns its key. The RESCIND of an offer
// that is not in hand leaves a tombstone, because it may be processed before
// its OFFER, and returns false; so does another generation's, without effect.
func (c *Cache) Rescind(generation uint64, offerID string) (Key, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if generation == 0 || generation != c.generation {
		return Key{}, false
	}
	h, known := c.offers[offerID]
	if !known {
		c.tombstones.add(offerID)
		return Key{}, false
	}
	c.drop(h)
	c.refresh()
	return h.slot.key, true
}

// ForgetAgent drops an agent's offers, expected remainders and releases
// (FAILURE). Its holds stay; Waiting and Doomed name those that wait.
func (c *Cache) ForgetAgent(agentID string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.plans, agentID)
	a := c.agents[agentID]
	if a == nil {
		return
	}
	for _, s := range a.slots {
		for _, h := range s.offers {
			c.letGo(h)
		}
		s.offers, s.remainders = nil, nil
		s.setReleasing(nil)
		c.touch(s)
	}
	c.refresh()
}

// drop takes an offer out of hand.
func (c *Cache) drop(h *held) {
	c.letGo(h)
	h.slot.offers = slices.DeleteFunc(h.slot.offers, func(o *held) bool { return o == h })
	c.touch(h.slot)
}

// usable returns the sum of portions on which role may put a reservation. The
// result may share memory with them: it is only read.
func usable(portions []resources.Portion, role string) resources.Vector {
	var sum resources.Vector
	for _, p := range portions {
		if p.Usable(role) {
			sum = plus(sum, p.Vector)
		}
	}
	return sum
}

// plus returns a + b without a copy where one of them is empty, which is the
// common case and keeps 100,000 agents small. The result is only read.
func plus(a, b resources.Vector) resources.Vector {
	if a.IsZero() {
		return b
	}
	if b.IsZero() {
		return a
	}
	return a.Add(b)
}

// minus is to Sub what plus is to Add.
func minus(a, b resources.Vector) resources.Vector {
	if b.IsZero() {
		return a
	}
	return a.Sub(b)
}
