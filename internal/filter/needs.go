package filter

import (
	"slices"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

// needs is a resource vector laid out for being compared with thousands of
// nodes: in name order, without map iteration.
type needs struct {
	scalars []scalar
	ports   resources.Ranges
	native  [len(natives)]resources.Milli // of natives, 0: not needed
	beyond  int64                         // not 0: more than natives is needed
}

type scalar struct {
	name   string
	amount resources.Milli
	native int // in natives, -1 for others
}

func newNeeds(v resources.Vector) needs {
	n := needs{scalars: make([]scalar, 0, len(v.Scalars)), ports: v.Ports, beyond: int64(len(v.Ports))}
	for _, s := range v.Scalars {
		native := slices.Index(natives[:], s.Name)
		n.scalars = append(n.scalars, scalar{s.Name, s.Milli, native})
		if native < 0 {
			n.beyond++
		} else {
			n.native[native] = s.Milli
		}
	}
	return n
}

// short returns 0 if a closer look at the place is not needed: it offers what
// the pod needs, which is nothing but natives, and there is nothing against it.
// Otherwise it returns 1.
func (n *needs) short(at *Place) int {
	// Negative if any of the differences is.
	least := (at.free[0] - n.native[0]) | (at.free[1] - n.native[1]) | (at.free[2] - n.native[2]) | (at.free[3] - n.native[3])
	against := int64(at.flags&(refused|scheduled|offering)^offering) | n.beyond
	return int(uint64(int64(least)|-against) >> 63)
}

// lacks returns the first resource, in name order and ports last, of which not
// enough is free at the place, which offers something.
func (n *needs) lacks(at *Place) string {
	for i := range n.scalars {
		if s := &n.scalars[i]; s.freeAt(at) < s.amount {
			return s.name
		}
	}
	if len(n.ports) > 0 && !at.role.Free.Ports.Contains(n.ports) {
		return resources.Ports
	}
	return ""
}

// freeAt returns how much of the scalar is free at the place, which offers
// something.
func (s *scalar) freeAt(at *Place) resources.Milli {
	if s.native >= 0 {
		return at.free[s.native]
	}
	return at.role.Free.Scalars.Get(s.name)
}

// shortage returns the first resource, in name order and ports last, that free
// lacks; "" if free covers the needs.
func (n *needs) shortage(free resources.Vector) string {
	for _, s := range n.scalars {
		if s.amount > free.Get(s.name) {
			return s.name
		}
	}
	if len(n.ports) > 0 && !free.Ports.Contains(n.ports) {
		return resources.Ports
	}
	return ""
}

// covered reports whether free and the reservations of the chosen occupants
// cover the needs together.
func (n *needs) covered(free resources.Vector, occupants []Occupant, chosen func(*Occupant) bool) bool {
	for _, s := range n.scalars {
		have := free.Get(s.name)
		for i := range occupants {
			if chosen(&occupants[i]) {
				have += occupants[i].Reserved.Get(s.name)
			}
		}
		if s.amount > have {
			return false
		}
	}
	if len(n.ports) == 0 {
		return true
	}
	ports := free.Ports
	for i := range occupants {
		if chosen(&occupants[i]) {
			ports = ports.Union(occupants[i].Reserved.Ports)
		}
	}
	return ports.Contains(n.ports)
}
