package resources

import (
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Unreserved is the role of resources that nobody has reserved.
const Unreserved = "*"

// Label is one key and value of a reservation, in the order Mesos keeps them.
type Label struct{ Key, Value string }

// Layer is one reservation in a stack of refinements (Mesos docs/reservation.md).
type Layer struct {
	Dynamic   bool   // false for one made by the agent's own flags
	Role      string // to which the layer reserves
	Principal string // of the framework or operator who made it, may be empty
	Labels    []Label
}

// Portion is the part of an agent's resources that stands under one stack of
// reservations. An empty stack means unreserved. The last layer is the one
// that UNRESERVE pops and RESERVE adds.
type Portion struct {
	Layers []Layer
	Vector Vector
}

// Top returns the last layer, and false if the portion is unreserved.
func (p Portion) Top() (Layer, bool) {
	if len(p.Layers) == 0 {
		return Layer{}, false
	}
	return p.Layers[len(p.Layers)-1], true
}

// Role returns the role of the last layer, or Unreserved.
func (p Portion) Role() string {
	if top, ok := p.Top(); ok {
		return top.Role
	}
	return Unreserved
}

// Usable reports whether a reservation to role may be put on top of p: p is
// unreserved, or its last layer belongs to a strict ancestor of role (trap T11;
// Mesos refuses a refinement to the same role).
func (p Portion) Usable(role string) bool {
	top, reserved := p.Top()
	return !reserved || strings.HasPrefix(role, top.Role+"/")
}

// SameStack reports whether p and o stand under equal stacks of reservations,
// labels and their order included: Mesos merges such resources.
func (p Portion) SameStack(o Portion) bool {
	if len(p.Layers) > 0 && len(p.Layers) == len(o.Layers) && &p.Layers[0] == &o.Layers[0] {
		return true // the very same
	}
	return slices.EqualFunc(p.Layers, o.Layers, func(a, b Layer) bool {
		return a.Dynamic == b.Dynamic && a.Role == b.Role && a.Principal == b.Principal &&
			slices.Equal(a.Labels, b.Labels)
	})
}

// Push returns p's stack with layer on top, over the amounts of take.
func (p Portion) Push(layer Layer, take Vector) Portion {
	return Portion{Layers: append(slices.Clone(p.Layers), layer), Vector: take.Clone()}
}

// Pop returns p without its last layer: what UNRESERVE makes of it. It shares
// p's amounts. An unreserved portion stays as it is.
func (p Portion) Pop() Portion {
	n := max(len(p.Layers)-1, 0)
	return Portion{Layers: p.Layers[:n:n], Vector: p.Vector}
}

// Offer is what Mesos offers of one agent to one of our roles. It is immutable
// once made; everybody shares it. Disks with a source or persistence,
// revocable and shared resources, and those of resource providers are left out.
type Offer struct {
	ID       string
	AgentID  string
	Role     string // the role it is allocated to; every operation on it reserves to this role
	Hostname string
	Address  netip.Addr // of the agent, from the offer's URL; invalid if absent
	Region   string
	Zone     string
	// Attributes of the agent in Mesos' text form.
	Attributes []Label
	// Maintenance is the planned unavailability of the machine, nil if none.
	Maintenance *Maintenance
	Portions    []Portion
}

// Maintenance is a window in which the agent's machine will be down.
type Maintenance struct {
	Start    time.Time
	Duration time.Duration // 0 means without end
}

// Usable returns the amounts in the offer that a reservation to the offer's
// role can be taken from.
func (o *Offer) Usable() Vector {
	var sum Vector
	for _, p := range o.Portions {
		if p.Usable(o.Role) {
			sum = sum.Add(p.Vector)
		}
	}
	return sum
}

// Carve takes need out of portions that are usable for role and returns the
// pieces taken, each under the stack it had, and the rest. Portions already
// reserved to an ancestor role are used before unreserved ones, so that what
// was set aside for us goes first. ok is false, and nothing is taken, if they
// do not cover need.
func Carve(portions []Portion, role string, need Vector) (taken, rest []Portion, ok bool) {
	order := make([]int, 0, len(portions))
	for i, p := range portions {
		if p.Usable(role) {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return len(portions[b].Layers) - len(portions[a].Layers)
	})
	rest = slices.Clone(portions)
	for _, i := range order {
		piece := portions[i].Vector.Min(need)
		if piece.IsZero() {
			continue
		}
		taken = append(taken, Portion{Layers: portions[i].Layers, Vector: piece})
		rest[i] = Portion{Layers: portions[i].Layers, Vector: portions[i].Vector.Sub(piece)}
		need = need.Sub(piece)
	}
	if !need.IsZero() {
		return nil, portions, false
	}
	return taken, slices.DeleteFunc(rest, func(p Portion) bool { return p.Vector.IsZero() }), true
}

// Occupant is a pod that holds a reservation on an agent.
type Occupant struct {
	UID      string
	Priority int32
	Reserved Vector
}
