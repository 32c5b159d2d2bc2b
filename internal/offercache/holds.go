package offercache

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

var (
	// ErrHeldElsewhere is returned for a pod that has another hold already: on
	// another key, or of other amounts. It must be given up first (scenario
	// 17: never two reservations for one pod).
	ErrHeldElsewhere = errors.New("pod already has a different hold")
	// ErrEmptyNeed is returned for a hold of nothing: a RESERVE of nothing can
	// end a Mesos master (trap T18).
	ErrEmptyNeed = errors.New("nothing to hold")
)

// ShortError is returned for a hold that the key's free amounts do not cover.
type ShortError struct {
	Key      Key
	Resource string // Mesos name of the first resource that is short
}

func (e *ShortError) Error() string {
	return fmt.Sprintf("insufficient offered %s on agent %s for role %s", e.Resource, e.Key.AgentID, e.Key.Role)
}

// hold is one pod's claim on one key. It waits until Take lets it leave; from
// then on its amounts are in an ACCEPT and no longer count against the key.
type hold struct {
	podUID  string
	arrival uint64
	key     Key
	slot    *slot // where it waits, nil once departed
	need    resources.Vector
	passed  int // how often a later hold left before this one
}

func byArrival(a, b *hold) int { return cmp.Compare(a.arrival, b.arrival) }

// Hold claims need of key for a pod, atomically against every other hold: what
// is free (usable offers and expected remainders, less what waits) must cover
// it. Errors: *ShortError, ErrHeldElsewhere, ErrEmptyNeed. Holding the same
// again changes nothing, also when the hold has departed: to try once more
// after a failed ACCEPT, Unhold first.
func (c *Cache) Hold(podUID string, key Key, need resources.Vector) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if h, exists := c.holds[podUID]; exists {
		if h.key == key && h.need.Equal(need) {
			return nil
		}
		return ErrHeldElsewhere
	}
	if need.IsZero() {
		return ErrEmptyNeed
	}
	s := c.slotOf(key)
	if s == nil {
		return &ShortError{key, resources.Vector{}.Shortage(need)}
	}
	if short := s.view.Free.Shortage(need); short != "" {
		return &ShortError{key, short}
	}
	c.arrivals++
	h := &hold{podUID: podUID, arrival: c.arrivals, key: key, slot: s, need: need.Clone()}
	c.holds[podUID] = h
	s.wait(h)
	c.touch(s)
	c.refresh()
	return nil
}

// Unhold gives up a pod's hold, waiting or departed. Without one it does
// nothing.
func (c *Cache) Unhold(podUID string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	h, exists := c.holds[podUID]
	if !exists {
		return
	}
	delete(c.holds, podUID)
	if h.slot == nil {
		c.departed--
		return
	}
	h.slot.leave(h)
	c.touch(h.slot)
	c.refresh()
}

// Doomed returns the pods, in arrival order, whose waiting holds the key's
// offers and expected remainders no longer cover together with the holds that
// came before: their binds should fail at once.
func (c *Cache) Doomed(key Key) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.slotOf(key)
	if s == nil {
		return nil
	}
	doomed := uncovered(s.waiting, s.total())
	var uids []string
	for _, h := range doomed {
		uids = append(uids, h.podUID)
	}
	return uids
}

// Waiting returns every key on which a hold waits, in no order. After Reset
// and ForgetAgent these are the keys to ask Doomed about.
func (c *Cache) Waiting() []Key {
	c.mu.Lock()
	defer c.mu.Unlock()
	seen := make(map[Key]struct{})
	var keys []Key
	for _, h := range c.holds {
		if _, again := seen[h.key]; !again && h.slot != nil {
			seen[h.key] = struct{}{}
			keys = append(keys, h.key)
		}
	}
	return keys
}

// uncovered returns the holds that amounts do not cover, taken one after the
// other. A hold that does not fit leaves room for smaller ones behind it.
func uncovered(holds []*hold, amounts resources.Vector) []*hold {
	var unfit []*hold
	for _, h := range holds {
		if amounts.Covers(h.need) {
			amounts = amounts.Sub(h.need)
		} else {
			unfit = append(unfit, h)
		}
	}
	return unfit
}

// wait appends h to those that wait. Their ports are disjoint, because Hold
// only grants free ones, so that claimed can be kept by adding and subtracting.
func (s *slot) wait(h *hold) {
	s.waiting = append(s.waiting, h)
	s.claimed = s.claimed.Add(h.need)
}

// leave takes h out of those that wait.
func (s *slot) leave(h *hold) {
	s.waiting = slices.DeleteFunc(s.waiting, func(o *hold) bool { return o == h })
	s.claimed = s.claimed.Sub(h.need)
}
