package filter

import (
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/offercache"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

// Offers finds what an agent offers; *offercache.Snapshot is one.
type Offers interface {
	Agent(agentID string) (*offercache.AgentView, bool)
}

// NodeAgents maps a node to its agent. The reason is empty if there is exactly
// one and it may take pods, as far as that does not depend on its offers; else
// it is one that lasts, such as NoAgent or AgentDraining.
type NodeAgents interface {
	Agent(node string) (agentID string, why Reason)
	// Avoided reports whether pods had better go elsewhere: see Place.Avoid.
	Avoided(node string) bool
}

// Occupants knows the pods of ours that hold reservations. The caller does not
// change what it gets.
type Occupants interface {
	// On returns those on an agent.
	On(agentID, role string) []Occupant
	// Holds reports whether a pod has a reservation, wherever. It may also be
	// one that On does not return yet.
	Holds(podUID string) bool
}

// Occupant is one pod with a reservation.
type Occupant = resources.Occupant

// View is everything a decision looks at. It does not change meanwhile, but that
// Roster and Occupants may get newer.
type View struct {
	// Closed, if not empty, refuses every node: NoSubscription, Recovering.
	Closed    Reason
	Offers    Offers
	Nodes     NodeAgents
	Occupants Occupants // nil: none
	// Maintained returns why an agent takes no more pods for which maintenance
	// is planned, "" if it still does; nil: it always does.
	Maintained func(*resources.Maintenance) Reason
	// Roster has what follows from Offers, Nodes and Occupants for each node; nil:
	// it is made anew.
	Roster Roster
}

// Roster has every node's place, ready made.
type Roster interface {
	// Role returns the places for pods of a role, as they are now or newer.
	Role(role string) Places
}

// Places has every node's place for one role.
type Places interface {
	// Find puts the place of node i of at most Batch into into[i]. No place is
	// nil.
	Find(nodes Names, into *[Batch]*Place)
}

// Batch is how many places are found at once: a search waits for memory, several
// wait together.
const Batch = 64

// Request is what a pod asks for.
type Request struct {
	PodUID   string
	Role     string // Mesos role that its reservation goes to
	Priority int32
	Need     resources.Vector
}

// closed returns why the view refuses every node, or "".
func (v View) closed() Reason {
	if v.Closed == "" && (v.Offers == nil || v.Nodes == nil) {
		return NoSubscription
	}
	return v.Closed
}

// occupants returns who holds reservations on the agent.
func (v View) occupants(agentID, role string) []Occupant {
	if v.Occupants == nil {
		return nil
	}
	return v.Occupants.On(agentID, role)
}

// each calls judge with the places of all nodes, some at a time, and the index of
// the first of them. It finds them in found.
func (p *pass) each(nodes Names, found *[Batch]*Place, judge func(first int, places []*Place)) {
	for from := 0; from < nodes.Len(); from += Batch {
		some := nodes.Slice(from, min(from+Batch, nodes.Len()))
		if p.places != nil {
			p.places.Find(some, found)
		} else {
			p.make(some, found)
		}
		judge(from, found[:some.Len()])
	}
}

// make makes the places of some nodes.
func (p *pass) make(nodes Names, into *[Batch]*Place) {
	for i := range nodes.Len() {
		at := p.view.place(string(nodes.At(i)), p.request.Role)
		into[i] = &at
	}
}

// unusable returns why the place takes no pods, whatever is offered; "" if it
// does.
func (v *View) unusable(at *Place) Reason {
	switch {
	case at.flags&(refused|scheduled) == 0:
		return ""
	case at.flags&refused != 0:
		return at.why
	case v.Maintained == nil:
		return ""
	}
	return v.Maintained(at.maintenance)
}

// place makes a node's place.
func (v View) place(node, role string) Place {
	agentID, why := v.Nodes.Agent(node)
	if why != "" {
		return NewRefused(why)
	}
	agent, _ := v.Offers.Agent(agentID)
	at := NewPlace(node, agent, role, v.occupants(agentID, role))
	if v.Nodes.Avoided(node) {
		at.Avoid()
	}
	return at
}
