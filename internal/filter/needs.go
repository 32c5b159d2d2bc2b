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
}

type scalar struct {
	name   string
	amount resources.Milli
	native int // in natives, -1 for others
}

func newNeeds(v resources.Vector) needs {
	n := needs{ports: v.Ports}
	for _, s := range v.Scalars {
		n.scalars = append(n.scalars, scalar{s.Name, s.Milli, slices.Index(natives[:], s.Name)})
	}
	return n
}

// shortage returns the first resource, in name order and ports last, that free
// lacks; "" if free covers the needs.
func (n needs) shortage(free resources.Vector) string {
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
func (n needs) covered(free resources.Vector, occupants []Occupant, chosen func(*Occupant) bool) bool {
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
