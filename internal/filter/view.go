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

// View is everything a decision looks at. All of it is immutable.
type View struct {
	// Closed, if not empty, refuses every node: NoSubscription, Recovering.
	Closed    Reason
	Offers    Offers
	Nodes     NodeAgents
	Occupants Occupants // nil: none
	// Maintained returns why an agent takes no more pods for which maintenance
	// is planned, "" if it still does; nil: it always does.
	Maintained func(*resources.Maintenance) Reason
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

// place is an agent and what it has for one role.
type place struct {
	agentID string
	agent   *offercache.AgentView // nil: it offers nothing
	role    *offercache.RoleView  // nil: nothing for the role
}

// place finds a node's agent, or why there is none that takes pods.
func (v View) place(node, role string) (at place, why Reason) {
	at.agentID, why = v.Nodes.Agent(node)
	if why != "" {
		return at, why
	}
	agent, ok := v.Offers.Agent(at.agentID)
	if !ok {
		return at, ""
	}
	at.agent = agent
	for i := range agent.Roles {
		if agent.Roles[i].Role == role {
			at.role = &agent.Roles[i]
			break
		}
	}
	if agent.Maintenance != nil && v.Maintained != nil {
		why = v.Maintained(agent.Maintenance)
	}
	return at, why
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
