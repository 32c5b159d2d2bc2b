package mesossim

import (
	"slices"
	"strings"
	"time"

	"github.com/gogo/protobuf/types"
	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

// drain is the state of DRAIN_AGENT for an agent.
type drain struct {
	Grace   *time.Duration `json:"grace,omitempty"`
	Gone    bool           `json:"gone,omitempty"` // mark_gone
	Drained bool           `json:"drained,omitempty"`
}

func (d *drain) toProto() *mesos.DrainInfo {
	gone := d.Gone
	info := &mesos.DrainInfo{State: mesos.DrainState_DRAINING, Config: mesos.DrainConfig{MarkGone: &gone}}
	if d.Drained {
		info.State = mesos.DrainState_DRAINED
	}
	if d.Grace != nil {
		info.Config.MaxGracePeriod = &mesos.DurationInfo{Nanoseconds: d.Grace.Nanoseconds()}
	}
	return info
}

// known reports whether the master has heard of an agent.
func (m *master) known(agentID string) bool {
	_, unreachable := m.unreached[agentID]
	return m.agents[agentID] != nil || m.recovered[agentID] != nil || unreachable
}

// drainAgent handles DRAIN_AGENT: the agent's tasks are killed, and it is
// drained once nothing waits for an acknowledgement any more.
func (m *master) drainAgent(agentID string, grace *types.Duration, gone bool) error {
	if !m.known(agentID) {
		return textf("Unknown agent")
	}
	d := &drain{Gone: gone}
	if grace != nil {
		period := time.Duration(grace.Seconds)*time.Second + time.Duration(grace.Nanos)
		d.Grace = &period
	}
	m.draining[agentID] = d
	m.inactive[agentID] = true
	if ag := m.agents[agentID]; ag != nil {
		m.deactivateAgent(ag)
		m.deliver(ag, func() { ag.host.drain(gone) })
		ag.drainStart = time.Now().Truncate(time.Second)
		m.checkDrained(ag)
	}
	m.saveRegistry()
	return nil
}

// drain kills the agent's tasks.
func (h *host) drain(gone bool) {
	state, reason := mesos.TASK_KILLED, mesos.REASON_AGENT_DRAINING
	if gone {
		state = mesos.TASK_GONE_BY_OPERATOR
	}
	for _, ht := range h.running() {
		h.killTask(ht.task.key(), state, &reason)
	}
}

// checkDrained ends draining when nothing is left on the agent.
func (m *master) checkDrained(ag *agent) {
	d := m.draining[ag.id]
	if d == nil || d.Drained || len(ag.tasks) > 0 || len(ag.operations) > 0 || ag.removed {
		return
	}
	if d.Gone {
		m.markGone(ag)
		return
	}
	d.Drained = true
	m.saveRegistry()
}

// deactivate handles DEACTIVATE_AGENT.
func (m *master) deactivate(agentID string) error {
	if !m.known(agentID) {
		return textf("Unknown agent")
	}
	m.inactive[agentID] = true
	if ag := m.agents[agentID]; ag != nil {
		m.deactivateAgent(ag)
	}
	m.saveRegistry()
	return nil
}

// reactivate handles REACTIVATE_AGENT; offers come with the next tick.
func (m *master) reactivate(agentID string) error {
	if !m.inactive[agentID] {
		return textf("Agent is not deactivated")
	}
	if d := m.draining[agentID]; d != nil && !d.Drained {
		return textf("Agent is still in the DRAINING state")
	}
	delete(m.draining, agentID)
	delete(m.inactive, agentID)
	m.saveRegistry()
	ag := m.agents[agentID]
	if ag == nil {
		return textf("Agent removed while processing the call")
	}
	ag.active = ag.connected
	ag.drainStart = time.Time{}
	return nil
}

// frameworksInOrder returns the known frameworks by ID.
func (m *master) frameworksInOrder() []*framework {
	out := make([]*framework, 0, len(m.frameworks))
	for _, fw := range m.frameworks {
		out = append(out, fw)
	}
	slices.SortFunc(out, func(a, b *framework) int { return strings.Compare(a.id, b.id) })
	return out
}
