package mesossim

import (
	"cmp"
	"maps"
	"slices"

	"github.com/google/uuid"
	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler"
)

// operation is the master's record of an operation sent to an agent.
type operation struct {
	uuid        string // 16 bytes
	seq         int    // order of arrival
	frameworkID string // "" for an operator's
	agent       *agent
	info        mesos.Offer_Operation
	latest      mesos.OperationStatus
	statuses    []mesos.OperationStatus
}

func operationsInOrder(operations map[string]*operation) []*operation {
	return slices.SortedFunc(maps.Values(operations), func(a, b *operation) int { return cmp.Compare(a.seq, b.seq) })
}

func newUUID() string {
	id := uuid.New()
	return string(id[:])
}

// drop tells the framework that an operation with an ID failed; one without an
// ID fails silently.
func (m *master) drop(fw *framework, op *mesos.Offer_Operation, message string) {
	if op.ID == nil {
		return
	}
	m.sendOperationStatus(fw, mesos.OperationStatus{
		OperationID: op.ID, State: mesos.OPERATION_ERROR, Message: &message,
	})
}

func (m *master) sendOperationStatus(fw *framework, status mesos.OperationStatus) {
	m.send(fw, &scheduler.Event{
		Type:                  scheduler.Event_UPDATE_OPERATION_STATUS,
		UpdateOperationStatus: &scheduler.Event_UpdateOperationStatus{Status: status},
	})
}

// apply books an operation as done, before the agent has seen it, and sends it
// to the agent. fw is nil for an operator's.
func (m *master) apply(fw *framework, ag *agent, info mesos.Offer_Operation, steps []conversion) {
	op := &operation{
		uuid: newUUID(), seq: m.sim.nextSeq(), agent: ag, info: info,
		latest: mesos.OperationStatus{
			OperationID: info.ID, State: mesos.OPERATION_PENDING, AgentID: &mesos.AgentID{Value: ag.id},
		},
	}
	if ag.operations == nil {
		ag.operations = map[string]*operation{}
	}
	ag.operations[op.uuid] = op
	if fw != nil {
		op.frameworkID = fw.id
		fw.operations[op.uuid] = op
		if info.ID != nil {
			fw.operationIDs[info.ID.Value] = op.uuid
		}
	}
	plain := unallocated(steps)
	if ag.total.convert(plain) == nil {
		ag.stale = true
	}
	m.deliver(ag, func() { ag.host.execute(op, plain) })
}

// withTarget returns a copy of info with list, its target, as its resources: they
// carry the role they are allocated to, as GET_OPERATIONS shows them.
func withTarget(info *mesos.Offer_Operation, list []resource) mesos.Offer_Operation {
	out := *info
	rendered := resources(list).toProto()
	if info.Reserve != nil {
		out.Reserve = &mesos.Offer_Operation_Reserve{Source: info.Reserve.Source, Resources: rendered}
	} else if info.Unreserve != nil {
		out.Unreserve = &mesos.Offer_Operation_Unreserve{Resources: rendered}
	}
	return out
}

// operationUpdated handles an agent's status of an operation.
func (m *master) operationUpdated(ag *agent, h *host, ho *hostOperation) {
	op := ag.operations[ho.uuid]
	fw := m.frameworks[ho.frameworkID]
	if op == nil {
		if ho.frameworkID == "" || m.isCompleted(ho.frameworkID) {
			h.acknowledged(ho.uuid)
			return
		}
		m.sendOperationStatus(fw, ho.status)
		return
	}
	if op.latest.State != ho.status.State {
		op.latest = ho.status
		op.statuses = append(op.statuses, ho.status)
	}
	if op.frameworkID == "" || op.info.ID == nil || (fw == nil && m.isCompleted(op.frameworkID)) {
		m.removeOperation(op)
		h.acknowledged(op.uuid)
		m.checkDrained(ag)
		return
	}
	m.sendOperationStatus(fw, ho.status)
}

func (m *master) isCompleted(frameworkID string) bool {
	for _, fw := range m.completed {
		if fw.id == frameworkID {
			return true
		}
	}
	return false
}

func (m *master) removeOperation(op *operation) {
	delete(op.agent.operations, op.uuid)
	fw := m.frameworks[op.frameworkID]
	if fw == nil {
		return
	}
	delete(fw.operations, op.uuid)
	if op.info.ID != nil {
		delete(fw.operationIDs, op.info.ID.Value)
	}
}

// acknowledgeOperation handles ACKNOWLEDGE_OPERATION_STATUS. The master only
// remembers the last operation of an ID; when that one is not on the named
// agent the real one dies (23b, 33b).
func (m *master) acknowledgeOperation(fw *framework, call *scheduler.Call_AcknowledgeOperationStatus) {
	ag := m.agents[call.AgentID.GetValue()]
	if ag == nil || !ag.connected {
		return
	}
	operationUUID, known := fw.operationIDs[call.OperationID.Value]
	if !known {
		return
	}
	op := ag.operations[operationUUID]
	if op == nil {
		m.check("Check failed: 'operation' Must be non NULL")
		return
	}
	for _, status := range op.statuses {
		if status.UUID == nil || string(status.UUID.Value) != string(call.UUID) {
			continue
		}
		m.counters.Acknowledged++
		m.removeOperation(op)
		m.deliver(ag, func() { ag.host.acknowledged(op.uuid) })
		m.checkDrained(ag)
		return
	}
}

// reconcileOperations handles RECONCILE_OPERATIONS.
func (m *master) reconcileOperations(fw *framework, call *scheduler.Call_ReconcileOperations) {
	if len(call.Operations) == 0 {
		for _, op := range operationsInOrder(fw.operations) {
			m.sendOperationStatus(fw, op.reconciled())
		}
		return
	}
	for _, asked := range call.Operations {
		if op := fw.operations[fw.operationIDs[asked.OperationID.Value]]; op != nil {
			m.sendOperationStatus(fw, op.reconciled())
			continue
		}
		state, message := m.reconcileUnknown(asked.AgentID)
		id := asked.OperationID
		m.sendOperationStatus(fw, mesos.OperationStatus{
			OperationID: &id, State: state, Message: &message, AgentID: asked.AgentID,
		})
	}
}

func (op *operation) reconciled() mesos.OperationStatus {
	status := op.latest
	if len(op.statuses) > 0 {
		status = op.statuses[len(op.statuses)-1]
	}
	status.UUID = nil
	return status
}

func (m *master) reconcileUnknown(agentID *mesos.AgentID) (mesos.OperationState, string) {
	if agentID == nil {
		return mesos.OPERATION_UNKNOWN, "Reconciliation: Operation is unknown and no 'agent_id' was provided"
	}
	id := agentID.Value
	_, unreachable := m.unreached[id]
	_, gone := m.gone[id]
	switch {
	case m.recovered[id] != nil:
		return mesos.OPERATION_RECOVERING, "Reconciliation: Agent is recovered but has not re-registered"
	case m.agents[id] != nil:
		return mesos.OPERATION_UNKNOWN, "Reconciliation: Operation is unknown"
	case unreachable:
		return mesos.OPERATION_UNREACHABLE, "Reconciliation: Agent is unreachable"
	case gone:
		return mesos.OPERATION_GONE_BY_OPERATOR, "Reconciliation: Agent marked gone by operator"
	}
	return mesos.OPERATION_UNKNOWN, "Reconciliation: Both operation and agent are unknown"
}
