package offercache

import (
	"maps"
	"slices"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

// Release is a reservation, or the surplus of one, that is on its way out at a
// key. What it frees counts as free for our own pods before any offer holds
// it: a hold that needs it leaves with its UNRESERVE in one ACCEPT, so that no
// other framework is offered the resources in between (hand-over).
type Release struct {
	PodUID   string // whose it was; unique at its key
	Portions []resources.Portion
	// Due: it leaves with the first offer that holds it. One that is not due
	// stays until a hold needs it.
	Due bool
	// Doubtful: nobody may count on it, because its UNRESERVE was refused
	// before or its agent is away. It still leaves when due.
	Doubtful bool
}

// frees returns what the release makes usable for role.
func (r *Release) frees(role string) resources.Vector {
	if r.Doubtful {
		return resources.Vector{}
	}
	var sum resources.Vector
	for _, p := range r.Portions {
		if p = p.Pop(); p.Usable(role) {
			sum = plus(sum, p.Vector)
		}
	}
	return sum
}

// SetReleasing replaces what is on its way out at a key. A departure takes what
// it unreserves off the list. Reset and ForgetAgent forget it all: what an
// agent that may be gone has reserved is of no use.
func (c *Cache) SetReleasing(key Key, releases []Release) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.slotOf(key)
	if s == nil && len(releases) == 0 || c.generation == 0 {
		return
	}
	if s == nil {
		s = c.ensure(key)
	}
	if len(s.releasing) == 0 && len(releases) == 0 {
		return
	}
	s.setReleasing(releases)
	c.touch(s)
	c.refresh()
}

func (s *slot) setReleasing(releases []Release) {
	s.releasing, s.freeing = releases, resources.Vector{}
	for i := range releases {
		s.freeing = plus(s.freeing, releases[i].frees(s.key.Role))
	}
}

// freed picks the pieces that leave: of every release that is due, and of those
// others without which supply, the amounts in hand, does not cover need.
// handed counts the latter.
func (s *slot) freed(all pieces, supply, need resources.Vector) (leave pieces, handed int) {
	spare := map[int]*held{} // by index of the release
	for _, p := range all {
		if r := &s.releasing[p.release]; !r.Due && !r.Doubtful {
			if spare[p.release] == nil {
				spare[p.release] = &held{}
			}
			spare[p.release].usable = plus(spare[p.release].usable, usable(pieces{p}.popped(), s.key.Role))
		}
	}
	var order []*held
	for _, i := range slices.Sorted(maps.Keys(spare)) {
		order = append(order, spare[i])
	}
	var taken []*held
	if missing := minus(need, supply); !missing.IsZero() {
		taken = cover(order, missing)
	}
	for _, p := range all {
		if s.releasing[p.release].Due || slices.Contains(taken, spare[p.release]) {
			leave = append(leave, p)
		}
	}
	return leave, len(taken)
}

// sure returns the pieces that can be counted on.
func (s *slot) sure(ps pieces) pieces {
	var out pieces
	for _, p := range ps {
		if !s.releasing[p.release].Doubtful {
			out = append(out, p)
		}
	}
	return out
}

// releases counts those that the pieces belong to.
func (ps pieces) releases() int {
	n := 0
	for i, p := range ps {
		if i == 0 || ps[i-1].release != p.release {
			n++
		}
	}
	return n
}

// due returns the pieces of releases that are due.
func (s *slot) due(ps pieces) pieces {
	var out pieces
	for _, p := range ps {
		if s.releasing[p.release].Due {
			out = append(out, p)
		}
	}
	return out
}

// spend takes the releases of the pieces off the list and returns them by
// whose they are.
func (s *slot) spend(ps pieces) []Unreserve {
	var out []Unreserve
	for i, p := range ps {
		if i == 0 || ps[i-1].release != p.release {
			out = append(out, Unreserve{PodUID: s.releasing[p.release].PodUID})
		}
		last := &out[len(out)-1]
		last.Portions = merge(append(last.Portions, p.Portion))
	}
	if len(ps) == 0 {
		return nil
	}
	left := make([]Release, 0, len(s.releasing))
	for i, r := range s.releasing {
		if !slices.ContainsFunc(ps, func(p piece) bool { return p.release == i }) {
			left = append(left, r)
		}
	}
	s.setReleasing(left)
	return out
}
