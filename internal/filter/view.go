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

// certain reports whether the agent has the needs in offers in hand, without
// counting on the rest of an offer that is on its way back.
func (v View) certain(agentID, role string, n needs) bool {
	agent, ok := v.Offers.Agent(agentID)
	return ok && n.shortage(agent.Certain(role)) == ""
}

// planned reports whether maintenance of the agent's machine is planned, be it
// far ahead.
func (v View) planned(agentID string) bool {
	agent, ok := v.Offers.Agent(agentID)
	return ok && agent.Maintenance != nil
}

// free returns what the agent offers to role, and whether it offers anything.
func (v View) free(agentID, role string) (resources.Vector, bool) {
	agent, ok := v.Offers.Agent(agentID)
	if !ok {
		return resources.Vector{}, false
	}
	free := agent.Free(role)
	return free, !free.IsZero()
}
