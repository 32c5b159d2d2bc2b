package offercache

import (
	"slices"
	"time"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

// remainder is what one departure left unreserved and usable. Mesos consumes
// accepted offers whole and hands this back at its next allocation (trap T6):
// until then it counts as free, so that binds need not stop for a second.
type remainder struct {
	usable resources.Vector
	since  time.Time
}

// expected returns the sum of the remainders.
func (s *slot) expected() resources.Vector {
	var sum resources.Vector
	for _, r := range s.remainders {
		sum = plus(sum, r.usable)
	}
	return sum
}

// total returns what the slot has, expects or is about to free, before holds.
func (s *slot) total() resources.Vector {
	return plus(plus(s.inHand(), s.expected()), s.freeing)
}

// inHand returns the sum of the usable amounts of the offers in hand.
func (s *slot) inHand() resources.Vector {
	var sum resources.Vector
	for _, h := range s.offers {
		sum = plus(sum, h.usable)
	}
	return sum
}

// settle drops the oldest remainder on the arrival of an offer, whether or not
// the offer covers it (what is missing went to somebody else), and every later
// one that the offer covers too. A remainder of an ACCEPT that the master has
// not processed yet therefore stays.
func (s *slot) settle(arrived resources.Vector) {
	for i := 0; len(s.remainders) > 0; i++ {
		next := s.remainders[0].usable
		if i > 0 && !arrived.Covers(next) {
			return
		}
		arrived = arrived.Sub(next)
		s.remainders = s.remainders[1:]
	}
}

// ExpireExpected drops the remainders of departures longer ago than olderThan
// and returns the keys that had one: other frameworks got them, or the ACCEPT
// was lost.
func (c *Cache) ExpireExpected(olderThan time.Duration) []Key {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.clock.Now()
	for s := range c.expecting {
		before := len(s.remainders)
		s.remainders = slices.DeleteFunc(s.remainders, func(r remainder) bool {
			return now.Sub(r.since) > olderThan
		})
		if len(s.remainders) < before {
			c.touch(s)
		}
	}
	return c.refresh()
}
