package mesossim

import (
	"net/http"
	"slices"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	masterproto "github.com/mesos/mesos-go/api/v1/lib/master"
)

// write carries out an operator call that changes something; done is false for
// other calls.
func (m *master) write(call *masterproto.Call, principal *string) (a answer, done bool) {
	switch call.Type {
	case masterproto.Call_UNKNOWN:
		return answer{status: http.StatusNotImplemented}, true
	case masterproto.Call_RESERVE_RESOURCES:
		op := &mesos.Offer_Operation{
			Type: mesos.Offer_Operation_RESERVE,
			Reserve: &mesos.Offer_Operation_Reserve{
				Source: call.ReserveResources.Source, Resources: call.ReserveResources.Resources,
			},
		}
		return m.operate(call.ReserveResources.AgentID.Value, op, principal), true
	case masterproto.Call_UNRESERVE_RESOURCES:
		op := &mesos.Offer_Operation{
			Type:      mesos.Offer_Operation_UNRESERVE,
			Unreserve: &mesos.Offer_Operation_Unreserve{Resources: call.UnreserveResources.Resources},
		}
		return m.operate(call.UnreserveResources.AgentID.Value, op, principal), true
	case masterproto.Call_UPDATE_MAINTENANCE_SCHEDULE:
		return okOr(m.updateSchedule(call.UpdateMaintenanceSchedule.Schedule)), true
	case masterproto.Call_START_MAINTENANCE:
		return okOr(m.startMaintenance(call.StartMaintenance.Machines)), true
	case masterproto.Call_STOP_MAINTENANCE:
		return okOr(m.stopMaintenance(call.StopMaintenance.Machines)), true
	case masterproto.Call_DRAIN_AGENT:
		return okOr(m.drainAgent(call.DrainAgent.AgentID.Value, call.DrainAgent.MaxGracePeriod, call.DrainAgent.GetMarkGone())), true
	case masterproto.Call_DEACTIVATE_AGENT:
		return okOr(m.deactivate(call.DeactivateAgent.AgentID.Value)), true
	case masterproto.Call_REACTIVATE_AGENT:
		return okOr(m.reactivate(call.ReactivateAgent.AgentID.Value)), true
	case masterproto.Call_MARK_AGENT_GONE:
		return m.markGoneCall(call.MarkAgentGone.AgentID.Value), true
	case masterproto.Call_UPDATE_QUOTA:
		return okOr(m.updateQuota(call.UpdateQuota.QuotaConfigs, call.UpdateQuota.GetForce())), true
	case masterproto.Call_TEARDOWN:
		return m.teardownCall(call.Teardown.FrameworkID.Value), true
	}
	return answer{}, false
}

// okOr is 200, or 400 with the master's text.
func okOr(err error) answer {
	if err != nil {
		return textAnswer(http.StatusBadRequest, "%s", err)
	}
	return answer{status: http.StatusOK}
}

// operate performs an operator's RESERVE or UNRESERVE. Offers of the agent that
// could help are rescinded even if it fails; what they held is refused for 5 s.
func (m *master) operate(agentID string, op *mesos.Offer_Operation, principal *string) answer {
	ag := m.agents[agentID]
	if ag == nil {
		return textAnswer(http.StatusBadRequest, "No agent found with specified ID")
	}
	targets := operationTarget(op, "")
	var err error
	if op.Type == mesos.Offer_Operation_RESERVE {
		if err = validateFormat(op); err != nil {
			return textAnswer(http.StatusBadRequest, "%s", err)
		}
		err = validateReserve(op.Reserve, targets, reserver{principal: principal, operator: true})
	} else {
		err = validateUnreserve(targets)
	}
	if err != nil {
		return textAnswer(http.StatusBadRequest, "Invalid %s operation on agent %s: %s", op.Type, ag, err)
	}
	steps := conversions(op, targets)
	m.makeRoom(ag, steps)
	free := ag.available().clone(0)
	if err := free.convert(steps); err != nil {
		return textAnswer(http.StatusConflict, "%s", err)
	}
	if convertsNothing(steps) {
		// The real master answers before it dies.
		m.after(agentLatency, func() {
			m.check("CHECK_SOME(providerId): Cannot determine resource provider for empty resources")
		})
		return accepted()
	}
	m.apply(nil, ag, withTarget(op, targets), steps)
	return accepted()
}

// makeRoom rescinds offers of the agent until what they held suffices.
func (m *master) makeRoom(ag *agent, steps []conversion) {
	var required, recovered resources
	for _, step := range steps {
		required = required.plus(step.consumed)
	}
	for _, o := range offersInOrder(ag.offers) {
		has := o.resources.allocate("")
		rest := required.minus(has)
		if rest.equal(required) {
			continue
		}
		recovered, required = recovered.plus(has), rest
		m.removeOffer(o, &mesos.Filters{}, true)
		if trial := recovered.clone(0); trial.convert(steps) == nil {
			return
		}
	}
}

func (m *master) markGoneCall(agentID string) answer {
	if _, already := m.gone[agentID]; already {
		return answer{status: http.StatusOK}
	}
	if !m.known(agentID) {
		return textAnswer(http.StatusNotFound, "Agent '%s' not found", agentID)
	}
	if ag := m.agents[agentID]; ag != nil {
		m.markGone(ag)
		return answer{status: http.StatusOK}
	}
	m.giveUp(agentID)
	return answer{status: http.StatusOK}
}

// giveUp marks an agent gone that is not registered.
func (m *master) giveUp(agentID string) {
	ra := m.sim.registry.Agents[agentID]
	delete(m.unreached, agentID)
	delete(m.recovered, agentID)
	delete(m.draining, agentID)
	delete(m.inactive, agentID)
	m.gone[agentID] = ra.Since
	if h := m.sim.hostFor(ra.Host); h != nil {
		m.saveAgent(agentID, h, "gone")
	}
}

func (m *master) teardownCall(frameworkID string) answer {
	fw := m.frameworks[frameworkID]
	if fw == nil {
		return textAnswer(http.StatusBadRequest, "No framework found with specified ID")
	}
	m.removeFramework(fw)
	return answer{status: http.StatusOK}
}

// formOperation handles the old endpoints /reserve and /unreserve.
func (m *master) formOperation(path string, r *http.Request) answer {
	if r.Method != http.MethodPost {
		return methodNotAllowed(r.Method)
	}
	tree, err := parseJSON([]byte(r.PostFormValue("resources")))
	if err != nil {
		return textAnswer(http.StatusBadRequest, "Error in parsing 'resources' parameter: %s", err)
	}
	var list mesos.Offer_Operation_Unreserve
	if err := decodeJSON(map[string]any{"resources": tree}, &list); err != nil {
		return textAnswer(http.StatusBadRequest, "Error in parsing 'resources' parameter: %s", err)
	}
	op := &mesos.Offer_Operation{Type: mesos.Offer_Operation_UNRESERVE, Unreserve: &list}
	if path == "/reserve" {
		op = &mesos.Offer_Operation{
			Type:    mesos.Offer_Operation_RESERVE,
			Reserve: &mesos.Offer_Operation_Reserve{Resources: slices.Clone(list.Resources)},
		}
	}
	return m.operate(r.PostFormValue("slaveId"), op, nil)
}
