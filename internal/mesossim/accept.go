package mesossim

import (
	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler"
)

// accept handles ACCEPT. The offers are used up whatever becomes of the
// operations.
func (m *master) accept(fw *framework, call *scheduler.Call_Accept) {
	m.counters.Accepts++
	if err := m.validateOffers(fw, call.OfferIDs); err != nil {
		m.refuseAccept(fw, call, err)
		return
	}
	first := m.offers[call.OfferIDs[0].Value]
	ag, role := first.agent, first.role
	operations := m.acceptable(fw, ag, call.Operations)

	var offered resources
	for _, id := range call.OfferIDs {
		o := m.offers[id.Value]
		offered = offered.plus(o.resources)
		m.forgetOffer(o)
	}
	run := &acceptance{m: m, framework: fw, agent: ag, role: role, remaining: offered.clone(0)}
	for i := range operations {
		run.perform(&operations[i])
		if m.stopped {
			return
		}
	}
	run.settle(offered, orDefault(call.Filters))
}

// validateOffers follows validation::offer::validate.
func (m *master) validateOffers(fw *framework, ids []mesos.OfferID) error {
	if len(ids) == 0 {
		return textf("No offers specified")
	}
	seen := map[string]bool{}
	for _, id := range ids {
		if seen[id.Value] {
			return textf("Duplicate offer %s in offer list", id.Value)
		}
		seen[id.Value] = true
	}
	for _, id := range ids {
		if m.offers[id.Value] == nil {
			return textf("Offer %s is no longer valid", id.Value)
		}
	}
	first := m.offers[ids[0].Value]
	for _, id := range ids {
		if o := m.offers[id.Value]; o.framework != fw {
			return textf("Offer %s has invalid framework %s while framework %s is expected", id.Value, o.framework.id, fw.id)
		}
	}
	for _, id := range ids {
		if o := m.offers[id.Value]; o.role != first.role {
			return textf("Aggregated offers must be allocated to the same role. Offer %s uses role '%s but another is using role '%s", id.Value, o.role, first.role)
		}
	}
	for _, id := range ids {
		if o := m.offers[id.Value]; o.agent != first.agent {
			return textf("Aggregated offers must belong to one single agent. Offer %s uses agent %s and agent %s", id.Value, o.agent.id, first.agent.id)
		}
	}
	return nil
}

// refuseAccept gives the good offers of a bad ACCEPT back without a filter and
// says so for each operation.
func (m *master) refuseAccept(fw *framework, call *scheduler.Call_Accept, reason error) {
	for _, id := range call.OfferIDs {
		if o := m.offers[id.Value]; o != nil {
			m.removeOffer(o, nil, false)
		}
	}
	for i := range call.Operations {
		op := &call.Operations[i]
		if op.Type != mesos.Offer_Operation_LAUNCH {
			m.drop(fw, op, "Operation attempted with invalid offers: "+reason.Error())
			continue
		}
		state := mesos.TASK_DROPPED
		if !fw.partitionAware() {
			state = mesos.TASK_LOST
		}
		for j := range op.GetLaunch().GetTaskInfos() {
			info := &op.Launch.TaskInfos[j]
			m.sendTaskStatus(fw, masterStatus(info.TaskID, &info.AgentID, state,
				"Task launched with invalid offers: "+reason.Error(), mesos.REASON_INVALID_OFFERS))
		}
	}
}

// acceptable drops operations that are malformed and returns the others.
func (m *master) acceptable(fw *framework, ag *agent, operations []mesos.Offer_Operation) []mesos.Offer_Operation {
	var out []mesos.Offer_Operation
	for i := range operations {
		op := &operations[i]
		m.counters.Operations[op.Type.String()]++
		err := validateFormat(op)
		if err == nil && op.Type == mesos.Offer_Operation_RESERVE && len(op.Reserve.Source) > 0 {
			err = textf("Reservation updates are not yet implemented for the scheduler API.")
		}
		switch {
		case err != nil && op.Type == mesos.Offer_Operation_LAUNCH:
			m.refuseTasks(fw, op, err.Error())
		case err != nil && op.Type == mesos.Offer_Operation_UNKNOWN:
		case err != nil:
			m.drop(fw, op, "Operation attempted with invalid resources: "+err.Error())
		case op.ID != nil && op.Type == mesos.Offer_Operation_LAUNCH:
			m.refuseTasks(fw, op, "The `id` field cannot be set on LAUNCH operations")
		case op.ID != nil && ag.host.spec.NoOperationFeedback:
			m.drop(fw, op, "Operation on agent default resources requested feedback, but agent "+ag.id+
				" does not have the required AGENT_OPERATION_FEEDBACK and RESOURCE_PROVIDER capabilities")
		default:
			out = append(out, *op)
		}
	}
	return out
}

func (m *master) refuseTasks(fw *framework, op *mesos.Offer_Operation, message string) {
	for i := range op.GetLaunch().GetTaskInfos() {
		info := &op.Launch.TaskInfos[i]
		m.sendTaskStatus(fw, masterStatus(info.TaskID, &info.AgentID, mesos.TASK_ERROR, message, mesos.REASON_TASK_INVALID))
	}
}

// acceptance is one valid ACCEPT while its operations are performed.
type acceptance struct {
	m         *master
	framework *framework
	agent     *agent
	role      string
	remaining resources // of the offers, converted in place by the operations so far
	launched  resources
	steps     []conversion
}

func (run *acceptance) perform(op *mesos.Offer_Operation) {
	switch op.Type {
	case mesos.Offer_Operation_LAUNCH:
		for i := range op.Launch.TaskInfos {
			run.launch(&op.Launch.TaskInfos[i])
		}
	case mesos.Offer_Operation_RESERVE, mesos.Offer_Operation_UNRESERVE:
		if err := run.convert(op); err != nil {
			run.m.drop(run.framework, op, err.Error())
		}
	}
}

// convert performs a RESERVE or UNRESERVE in the master's books and sends it
// to the agent.
func (run *acceptance) convert(op *mesos.Offer_Operation) error {
	if err := run.m.sim.refuseOperation(op.Type.String(), run.framework.id); err != nil {
		return err
	}
	targets := operationTarget(op, run.role)
	var err error
	if op.Type == mesos.Offer_Operation_RESERVE {
		by := reserver{principal: run.framework.info.Principal, roles: run.framework.roles()}
		err = validateReserve(op.Reserve, targets, by)
	} else {
		err = validateUnreserve(targets)
	}
	if err != nil {
		return textf("%s; on agent %s", err, run.agent)
	}
	steps := conversions(op, targets)
	if err := run.remaining.convert(steps); err != nil {
		return err
	}
	if convertsNothing(steps) {
		run.m.check("CHECK_SOME(providerId): Cannot determine resource provider for empty resources")
		return nil
	}
	run.steps = append(run.steps, steps...)
	run.m.apply(run.framework, run.agent, withTarget(op, targets), steps)
	return nil
}

// settle gives back what is left. What an operation made comes back without a
// filter; what it left alone is refused as the call says.
func (run *acceptance) settle(offered resources, filters *mesos.Filters) {
	m, fw, ag := run.m, run.framework, run.agent
	if len(run.steps) > 0 {
		run.rebook(offered)
	}
	made := run.remaining.minus(offered)
	declined := run.remaining.minus(made)
	m.give(fw.id, ag, made, nil)
	m.give(fw.id, ag, declined, filters)
	ag.use(fw.id, run.launched, 1)
}

// rebook books what the offers have become in place of what was offered.
func (run *acceptance) rebook(offered resources) {
	m, fw, ag := run.m, run.framework, run.agent
	after := run.remaining
	if len(run.launched) > 0 {
		after = after.plus(run.launched)
	}
	ag.give(fw.id, offered)
	ag.take(fw.id, after)
	clients := m.alloc.frameworks[run.role]
	if clients == nil {
		return
	}
	former, amounts := offered.scalarQuantities(), after.scalarQuantities()
	clients.unallocated(fw.id, former)
	m.alloc.roles.unallocated(run.role, former)
	if c := clients.clients[fw.id]; c != nil {
		c.amounts.addQ(amounts, 1)
	}
	if c := m.alloc.roles.clients[run.role]; c != nil {
		c.amounts.addQ(amounts, 1)
	}
}
