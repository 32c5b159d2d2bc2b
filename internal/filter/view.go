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
// one and it may take pods; else it is one that lasts, such as NoAgent or
// AgentDraining.
type NodeAgents interface {
	Agent(node string) (agentID string, why Reason)
}

// Occupants lists the pods of ours that hold reservations. The caller does not
// change what it gets.
type Occupants interface {
	On(agentID, role string) []Occupant
}

// Occupant is one pod with a reservation.
type Occupant = resources.Occupant

// View is everything a decision looks at. All of it is immutable.
type View struct {
	// Closed, if not empty, refuses every node: NoSubscription, Recovering.
	Closed    Reason
	Offers    Offers
	Nodes     NodeAgents
	Occupants Occupants // nil: none
}

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

// place is what an agent has for one role.
type place struct {
	agent     *offercache.AgentView // nil: it offers nothing
	role      *offercache.RoleView  // nil: nothing for the role
	occupants []Occupant
}

func (v View) place(agentID, role string) place {
	at := place{occupants: v.occupants(agentID, role)}
	agent, ok := v.Offers.Agent(agentID)
	if !ok {
		return at
	}
	at.agent = agent
	for i := range agent.Roles {
		if agent.Roles[i].Role == role {
			at.role = &agent.Roles[i]
		}
	}
	return at
}

// free returns what is offered, or on its way here.
func (p place) free() resources.Vector {
	if p.role == nil {
		return resources.Vector{}
	}
	return p.role.Free
}

// certain reports whether the needs are in offers in hand, without counting on
// the rest of an offer that is on its way back.
func (p place) certain(n needs) bool {
	return p.role != nil && n.shortage(p.role.Certain) == ""
}

// planned reports whether maintenance of the agent's machine is planned, be it
// far ahead.
func (p place) planned() bool { return p.agent != nil && p.agent.Maintenance != nil }
