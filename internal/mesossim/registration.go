package mesossim

import (
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

// register lets the agent's process find the master; without one it is told
// when a master starts.
func (h *host) register() {
	m := h.sim.master
	if h.catchingUp {
		h.registerAfter = true
		return
	}
	if m == nil || m.stopped || h.state != hostRunning {
		return
	}
	if wait := time.Until(m.ready); wait > 0 {
		h.later(wait, h.register)
		return
	}
	h.pings.cancel()
	machine := m.machineOf(h.machine())
	if machine.mode == machineDown {
		h.shutdown()
		return
	}
	if _, gone := m.gone[h.id]; gone && h.id != "" {
		h.shutdown()
		return
	}
	if h.id == "" {
		m.registerNew(h)
	} else {
		m.reregister(h)
	}
	h.checkpoint()
}

// registerNew admits an agent without an ID. A registered agent at the same
// address is removed: it must have been replaced.
func (m *master) registerNew(h *host) {
	if old := m.byHost[h]; old != nil {
		m.removeAgent(old, removal{message: "a new agent registered at the same address", lost: true})
	}
	h.id = m.newAgentID()
	m.addAgent(newAgent(h.id, h))
}

// reregister takes back an agent that has an ID.
func (m *master) reregister(h *host) {
	if ag := m.agents[h.id]; ag != nil {
		m.reconnect(ag)
		return
	}
	delete(m.recovered, h.id)
	delete(m.unreached, h.id)
	ag := newAgent(h.id, h)
	ag.reregistered = ag.registered
	m.addAgent(ag)
	h.reconcile(ag)
}

// reconnect takes back an agent that the master has not given up. Where the same
// process registers again the books stand: they are the agent's own and what is
// on its way to it.
func (m *master) reconnect(ag *agent) {
	h := ag.host
	ag.reregistered = time.Now()
	ag.lastPong = ag.reregistered
	if ag.epoch != h.epoch && !ag.total.equal(h.total) {
		m.rescindOffersOf(ag)
		m.alloc.changeTotal(ag.total, -1)
		m.alloc.changeTotal(h.total, 1)
		ag.setTotal(h.total)
	}
	ag.epoch, ag.connected = h.epoch, true
	ag.active = !m.inactive[ag.id]
	m.allocateSoon(ag)
	h.reconcile(ag)
}

func (m *master) addAgent(ag *agent) {
	m.agents[ag.id] = ag
	m.byHost[ag.host] = ag
	m.agentOrder = append(m.agentOrder, ag)
	m.alloc.changeTotal(ag.total, 1)
	mc := m.machineOf(ag.host.machine())
	mc.agents = append(mc.agents, ag)
	ag.unavailability = mc.unavailability
	ag.active = !m.inactive[ag.id]
	for _, ht := range ag.host.running() {
		m.adoptTask(ag, ht)
	}
	for _, ho := range ag.host.performed() {
		m.adoptOperation(ag, ho)
	}
	m.saveAgent(ag.id, ag.host, "")
	m.allocateSoon(ag)
}

// adoptTask books a task that the agent brings along.
func (m *master) adoptTask(ag *agent, ht *hostTask) {
	t := ht.task
	t.agent, t.freed = ag, false
	if ag.tasks == nil {
		ag.tasks = map[string]*task{}
	}
	ag.tasks[t.key()] = t
	ag.take(t.frameworkID, t.resources)
	ag.use(t.frameworkID, t.resources, 1)
	if fw := m.frameworks[t.frameworkID]; fw != nil {
		m.joinTask(fw, t)
	}
}

// joinTask books a task that is known from its agent with its framework.
func (m *master) joinTask(fw *framework, t *task) {
	fw.tasks[t.id()] = t
	delete(fw.unreachable, t.id())
	role, amounts := t.resources[0].allocated, t.resources.scalarQuantities()
	m.alloc.track(role, fw.id)
	m.alloc.roles.allocated(role, amounts)
	m.alloc.frameworks[role].allocated(fw.id, amounts)
}

// joinOperation books an operation that is known from its agent with its
// framework.
func joinOperation(fw *framework, op *operation) {
	fw.operations[op.uuid] = op
	if op.info.ID != nil {
		fw.operationIDs[op.info.ID.Value] = op.uuid
	}
}

// joinKnown books what agents brought along before their framework came back.
func (m *master) joinKnown(fw *framework) {
	for _, ag := range m.agentOrder {
		for _, t := range tasksInOrder(ag.tasks) {
			if t.frameworkID == fw.id {
				m.joinTask(fw, t)
			}
		}
		for _, op := range operationsInOrder(ag.operations) {
			if op.frameworkID == fw.id {
				joinOperation(fw, op)
			}
		}
	}
}

// adoptOperation books an operation that the agent brings along.
func (m *master) adoptOperation(ag *agent, ho *hostOperation) {
	op := &operation{
		uuid: ho.uuid, seq: m.sim.nextSeq(), frameworkID: ho.frameworkID, agent: ag, info: ho.info,
		latest: ho.status, statuses: []mesos.OperationStatus{ho.status},
	}
	if ag.operations == nil {
		ag.operations = map[string]*operation{}
	}
	ag.operations[op.uuid] = op
	if fw := m.frameworks[op.frameworkID]; fw != nil {
		joinOperation(fw, op)
	}
}

// reconcile is the agent's report after re-registration: operations that the
// master knows and the agent never got are dropped, unacknowledged statuses are
// sent again.
func (h *host) reconcile(ag *agent) {
	known := operationsInOrder(ag.operations) // later ones are on their way
	h.later(agentLatency, func() {
		h.tell(func(m *master, ag *agent) {
			for _, op := range known {
				if h.operations[op.uuid] == nil && ag.operations[op.uuid] == op {
					m.operationDropped(ag, op)
				}
			}
		})
		h.resendStatuses()
	})
}

// resendStatuses sends what nobody has acknowledged.
func (h *host) resendStatuses() {
	for _, ho := range h.performed() {
		ho.wait = firstResend
		h.sendOperation(ho)
	}
	for _, ht := range h.running() {
		if len(ht.statuses) > 0 {
			h.sendTask(ht)
		}
	}
}

func (m *master) operationDropped(ag *agent, op *operation) {
	m.removeOperation(op)
	if op.info.ID != nil {
		m.sendOperationStatus(m.frameworks[op.frameworkID], mesos.OperationStatus{
			OperationID: op.info.ID, State: mesos.OPERATION_DROPPED, AgentID: &mesos.AgentID{Value: ag.id},
		})
	}
	m.checkDrained(ag)
}
