package mesossim

import (
	"fmt"
	"slices"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

// removal says how an agent leaves the master's books.
type removal struct {
	message     string
	unreachable bool // it did not answer pings
	gone        bool // an operator gave it up
	lost        bool // it unregistered, was replaced, or its machine went down
}

// exited handles the broken connection of an agent: its offers are rescinded,
// and it has until the pings fail to come back.
func (m *master) exited(ag *agent) {
	if ag.removed || !ag.connected {
		return
	}
	ag.connected = false
	m.deactivateAgent(ag)
}

// deactivateAgent stops offers of the agent and rescinds those there are.
func (m *master) deactivateAgent(ag *agent) {
	ag.active = false
	m.rescindOffersOf(ag)
}

// stopPings notes when agents will notice that the master has ended.
func (m *master) stopPings() {
	ping := m.flags.pingTimeout
	for _, ag := range m.agentOrder {
		lastPing := time.Now().Add(-time.Since(ag.lastPong) % ping)
		ag.host.missesPings = lastPing.Add(time.Duration(m.flags.maxPings) * ping)
	}
}

// expectPong gives the agent up when it has missed as many pings as allowed.
// Pings are sent at fixed times since its registration.
func (m *master) expectPong(ag *agent) {
	ping := m.flags.pingTimeout
	next := ping - time.Since(ag.lastPong)%ping
	patience := next + time.Duration(m.flags.maxPings)*ping
	ag.host.pings.cancel()
	ag.host.pings = m.after(patience, func() {
		if !ag.removed {
			m.markUnreachable(ag)
		}
	})
}

func (m *master) markUnreachable(ag *agent) {
	m.unreached[ag.id] = time.Now()
	m.bulkFeedback(ag, mesos.OPERATION_UNREACHABLE, "Agent was marked unreachable")
	m.removeAgent(ag, removal{message: "health check timed out", unreachable: true})
}

func (m *master) markGone(ag *agent) {
	const message = "Agent has been marked gone"
	m.gone[ag.id] = time.Now()
	m.deliver(ag, ag.host.shutdown)
	m.bulkFeedback(ag, mesos.OPERATION_GONE_BY_OPERATOR, message)
	m.removeAgent(ag, removal{message: message, gone: true})
}

// bulkFeedback tells frameworks what has become of their operations on an
// agent that is being removed.
func (m *master) bulkFeedback(ag *agent, state mesos.OperationState, message string) {
	for _, op := range operationsInOrder(ag.operations) {
		if op.info.ID == nil {
			continue
		}
		m.sendOperationStatus(m.frameworks[op.frameworkID], mesos.OperationStatus{
			OperationID: op.info.ID, State: state, Message: &message, AgentID: &mesos.AgentID{Value: ag.id},
		})
	}
}

// removeAgent takes an agent out of the books and tells every framework.
func (m *master) removeAgent(ag *agent, why removal) {
	ag.removed, ag.connected, ag.active = true, false, false
	ag.host.pings.cancel()
	for _, t := range tasksInOrder(ag.tasks) {
		m.endTaskOfAgent(t, why)
	}
	m.rescindOffersOf(ag)
	for _, op := range ag.operations {
		m.removeOperation(op)
	}
	delete(m.agents, ag.id)
	delete(m.byHost, ag.host)
	m.agentOrder = slices.DeleteFunc(m.agentOrder, func(other *agent) bool { return other == ag })
	m.alloc.changeTotal(ag.total, -1)
	mc := m.machineOf(ag.host.machine())
	mc.agents = slices.DeleteFunc(mc.agents, func(other *agent) bool { return other == ag })
	if why.lost {
		delete(m.draining, ag.id)
		delete(m.inactive, ag.id)
	}
	m.saveAgent(ag.id, ag.host, why.state())
	for _, fw := range m.frameworksInOrder() {
		m.send(fw, failureEvent(ag.id))
	}
}

// state is the removal as the registry remembers it.
func (why removal) state() string {
	switch {
	case why.unreachable:
		return "unreachable"
	case why.gone:
		return "gone"
	}
	return "removed"
}

func (m *master) endTaskOfAgent(t *task, why removal) {
	fw := m.frameworks[t.frameworkID]
	m.forgetTask(t, why.unreachable)
	if fw == nil {
		return
	}
	ag := t.agent
	state, reason, message := mesos.TASK_UNREACHABLE, mesos.REASON_AGENT_REMOVED, why.message
	switch {
	case why.lost:
		state, message = mesos.TASK_LOST, fmt.Sprintf("Agent %s removed: %s", ag.host.spec.Hostname, why.message)
	case !fw.partitionAware():
		state = mesos.TASK_LOST
	case why.gone:
		state, reason = mesos.TASK_GONE_BY_OPERATOR, mesos.REASON_AGENT_REMOVED_BY_OPERATOR
	}
	status := masterStatus(t.info.TaskID, &mesos.AgentID{Value: ag.id}, state, message, reason)
	if why.unreachable {
		status.UnreachableTime = timeInfo(m.unreached[ag.id])
	}
	t.state = state
	m.sendTaskStatus(fw, status)
}
