package app

import (
	"slices"
	"sync"
	"sync/atomic"

	"go.uber.org/zap"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/filter"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/logkeys"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/mesos"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/offercache"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/reservation"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

// agentNotes is what the master's agent list says about agents beside their
// reservations. The list is polled with the audits of the reservations: Mesos
// tells frameworks nothing of a drain.
type agentNotes struct {
	unusable atomic.Pointer[map[string]filter.Reason] // by agent ID; nil before the first list

	mu         sync.Mutex // guards all below
	foreign    map[offercache.Key]bool
	noneMapped bool // at the last list
}

// why returns why an agent takes no more pods, empty if it does.
func (n *agentNotes) why(agentID string) filter.Reason {
	if unusable := n.unusable.Load(); unusable != nil {
		return (*unusable)[agentID]
	}
	return ""
}

// noteAgents compares a new list with the last one.
func (a *App) noteAgents(agents []mesos.Agent) {
	a.agents.mu.Lock()
	defer a.agents.mu.Unlock()
	a.noteUnusable(agents)
	a.noteForeign(agents)
	a.noteUnmapped(agents)
}

// noteUnmapped counts the agents that stand for no node, and warns when that
// begins to be so of all: then the nodes are named otherwise than the agents.
func (a *App) noteUnmapped(agents []mesos.Agent) {
	unmapped := 0
	for i := range agents {
		if !a.mapped(agents[i].ID) {
			unmapped++
		}
	}
	a.metrics.unmapped.Set(float64(unmapped))
	none := unmapped > 0 && unmapped == len(agents)
	if none && !a.agents.noneMapped {
		a.log.Warn("no Mesos agent stands for a node: compare the nodes' names and addresses with the agents', or annotate the nodes",
			zap.Int(logkeys.Count, unmapped))
	}
	a.agents.noneMapped = none
}

// noteUnusable notes which agents are drained or deactivated, and tells the
// operator of those that were not so before (scenario 41).
func (a *App) noteUnusable(agents []mesos.Agent) {
	unusable := map[string]filter.Reason{}
	for i := range agents {
		why := drained(&agents[i])
		if why == "" {
			continue
		}
		unusable[agents[i].ID] = why
		if a.agents.why(agents[i].ID) != why {
			a.tellUnusable(&agents[i], why)
		}
	}
	former := a.agents.unusable.Swap(&unusable)
	a.wakeFor(former, unusable)
	a.metrics.unusable.Set(float64(len(unusable)))
}

// wakeFor has pods woken for the offers of agents that take pods again. Those
// offers may have come before the list.
func (a *App) wakeFor(former *map[string]filter.Reason, unusable map[string]filter.Reason) {
	if former == nil {
		return
	}
	var again []offercache.Key
	for agentID := range *former {
		if unusable[agentID] != "" {
			continue
		}
		for _, role := range a.cfg.Mesos.Roles {
			again = append(again, offercache.Key{AgentID: agentID, Role: role})
		}
	}
	a.demand.Changed(again)
	a.sampling.Reconsider()
}

func drained(agent *mesos.Agent) filter.Reason {
	switch {
	case agent.DrainState != "":
		return filter.AgentDraining
	case agent.Deactivated:
		return filter.AgentDeactivated
	}
	return ""
}

// tellUnusable logs that an agent takes no more pods. Mesos ends no pod by a
// drain, so each of ours there gets an Event.
func (a *App) tellUnusable(agent *mesos.Agent, why filter.Reason) {
	count := 0
	for _, role := range a.cfg.Mesos.Roles {
		for _, occupant := range a.reservations.On(agent.ID, role) {
			count++
			if pod, ok := a.pods.ByUID(occupant.UID); ok && why == filter.AgentDraining {
				a.events.Warn(pod, reasonDraining, noteDraining)
			}
		}
	}
	node, _ := a.nodes.Map().Node(agent.ID) // empty if it has none
	a.log.Warn("agent takes no more pods; those on it stay until somebody moves them",
		zap.String(logkeys.AgentID, agent.ID), zap.String(logkeys.Node, node),
		zap.String(logkeys.Reason, string(why)), zap.Int(logkeys.Count, count))
}

// noteForeign warns of agents on which somebody else reserves in a role of ours
// (scenario 28). Such reservations are never touched.
func (a *App) noteForeign(agents []mesos.Agent) {
	own := map[offercache.Key]resources.Vector{}
	for _, found := range reservation.List(a.cfg.ClusterID, agents) {
		at := offercache.Key{AgentID: found.AgentID, Role: found.Role}
		own[at] = own[at].Add(found.Reserved)
	}
	foreign := map[offercache.Key]bool{}
	for i := range agents {
		for role, reserved := range dynamic(&agents[i], a.cfg.Mesos.Roles) {
			at := offercache.Key{AgentID: agents[i].ID, Role: role}
			if own[at].Covers(reserved) {
				continue
			}
			foreign[at] = true
			if !a.agents.foreign[at] {
				a.log.Warn("another framework has reservations in a role of ours, which are left alone",
					zap.String(logkeys.AgentID, at.AgentID), zap.String(logkeys.Role, role))
			}
		}
	}
	a.agents.foreign = foreign
	a.metrics.foreign.Set(float64(len(foreign)))
}

// dynamic sums what is reserved dynamically on an agent, for each of the roles.
func dynamic(agent *mesos.Agent, roles []string) map[string]resources.Vector {
	sums := map[string]resources.Vector{}
	for _, portion := range agent.Reserved {
		if top, reserved := portion.Top(); reserved && top.Dynamic && slices.Contains(roles, top.Role) {
			sums[top.Role] = sums[top.Role].Add(portion.Vector)
		}
	}
	return sums
}
