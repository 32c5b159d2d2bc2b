package mesossim

import (
	"maps"
	"slices"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/allocator"
	"github.com/mesos/mesos-go/api/v1/lib/maintenance"
	masterproto "github.com/mesos/mesos-go/api/v1/lib/master"
)

// read answers an operator call that asks for something; nil if it is not
// emulated.
func (m *master) read(call *masterproto.Call) *masterproto.Response {
	response := &masterproto.Response{Type: masterproto.Response_Type(masterproto.Response_Type_value[call.Type.String()])}
	switch call.Type {
	case masterproto.Call_GET_HEALTH:
		response.GetHealth = &masterproto.Response_GetHealth{Healthy: true}
	case masterproto.Call_GET_VERSION:
		response.GetVersion = &masterproto.Response_GetVersion{VersionInfo: versionInfo()}
	case masterproto.Call_GET_MASTER:
		info, started := m.info, seconds(m.started)
		response.GetMaster = &masterproto.Response_GetMaster{MasterInfo: &info, StartTime: &started, ElectedTime: &started}
	case masterproto.Call_GET_AGENTS:
		response.GetAgents = m.getAgents()
	case masterproto.Call_GET_FRAMEWORKS:
		response.GetFrameworks = m.getFrameworks()
	case masterproto.Call_GET_OPERATIONS:
		response.GetOperations = m.getOperations()
	case masterproto.Call_GET_TASKS:
		response.GetTasks = m.getTasks()
	case masterproto.Call_GET_ROLES:
		response.GetRoles = m.getRoles()
	case masterproto.Call_GET_WEIGHTS:
	case masterproto.Call_GET_EXECUTORS:
		response.GetExecutors = &masterproto.Response_GetExecutors{}
	case masterproto.Call_GET_QUOTA:
		response.GetQuota = &masterproto.Response_GetQuota{Status: m.quotaStatus()}
	case masterproto.Call_GET_MAINTENANCE_SCHEDULE:
		response.GetMaintenanceSchedule = &masterproto.Response_GetMaintenanceSchedule{Schedule: m.schedule}
	case masterproto.Call_GET_MAINTENANCE_STATUS:
		response.GetMaintenanceStatus = &masterproto.Response_GetMaintenanceStatus{Status: m.clusterStatus()}
	case masterproto.Call_GET_STATE:
		response.GetState = &masterproto.Response_GetState{
			GetTasks: m.getTasks(), GetExecutors: &masterproto.Response_GetExecutors{},
			GetFrameworks: m.getFrameworks(), GetAgents: m.getAgents(),
		}
	default:
		return nil
	}
	return response
}

// versionInfo is the build that is emulated.
func versionInfo() mesos.VersionInfo {
	date, built, user, commit := "2026-11-22 00:00:00 UTC", 1795305600.0, "local", "c1b42f79d"
	return mesos.VersionInfo{Version: version, BuildDate: &date, BuildTime: &built, BuildUser: &user, GitSHA: &commit}
}

// agentCapabilities are those of a Mesos 1.12 agent.
var agentCapabilities = []mesos.AgentInfo_Capability{
	{Type: mesos.AgentInfo_Capability_MULTI_ROLE},
	{Type: mesos.AgentInfo_Capability_HIERARCHICAL_ROLE},
	{Type: mesos.AgentInfo_Capability_RESERVATION_REFINEMENT},
	{Type: mesos.AgentInfo_Capability_RESOURCE_PROVIDER},
	{Type: mesos.AgentInfo_Capability_RESIZE_VOLUME},
	{Type: mesos.AgentInfo_Capability_AGENT_OPERATION_FEEDBACK},
	{Type: mesos.AgentInfo_Capability_AGENT_DRAINING},
	{Type: mesos.AgentInfo_Capability_TASK_RESOURCE_LIMITS},
}

// backward returns a copy of list from its end: the real master lists what is
// new first.
func backward[T any](list []T) []T {
	out := slices.Clone(list)
	slices.Reverse(out)
	return out
}

func (m *master) getAgents() *masterproto.Response_GetAgents {
	out := &masterproto.Response_GetAgents{}
	for _, ag := range backward(m.agentOrder) {
		out.Agents = append(out.Agents, m.agentStatus(ag))
	}
	for _, id := range backward(slices.Sorted(maps.Keys(m.recovered))) {
		out.RecoveredAgents = append(out.RecoveredAgents, m.recovered[id].agentInfo(id))
	}
	return out
}

func (m *master) agentStatus(ag *agent) masterproto.Response_GetAgents_Agent {
	pid, deactivated := ag.host.pid(), m.inactive[ag.id]
	out := masterproto.Response_GetAgents_Agent{
		AgentInfo: ag.host.agentInfo(ag.id), Active: ag.active, Deactivated: &deactivated,
		Version: version, PID: &pid,
		RegisteredTime: timeInfo(ag.registered), ReregisteredTime: timeInfo(ag.reregistered),
		TotalResources:          ag.total.toEndpointProto(),
		AllocatedResources:      ag.allocatedTotal().toEndpointProto(),
		OfferedResources:        ag.offered.of(ag.offers).toEndpointProto(),
		Capabilities:            agentCapabilities,
		EstimatedDrainStartTime: timeInfo(ag.drainStart),
	}
	if ag.host.spec.NoOperationFeedback {
		out.Version, out.Capabilities = "1.7.0", agentCapabilities[:4]
	}
	if d := m.draining[ag.id]; d != nil {
		out.DrainInfo = d.toProto()
	}
	return out
}

func (m *master) getFrameworks() *masterproto.Response_GetFrameworks {
	out := &masterproto.Response_GetFrameworks{}
	for _, fw := range m.frameworksInOrder() {
		out.Frameworks = append(out.Frameworks, frameworkStatus(fw))
	}
	for _, fw := range m.completed {
		out.CompletedFrameworks = append(out.CompletedFrameworks, frameworkStatus(fw))
	}
	return out
}

func frameworkStatus(fw *framework) masterproto.Response_GetFrameworks_Framework {
	out := masterproto.Response_GetFrameworks_Framework{
		FrameworkInfo: fw.info, Active: fw.active, Connected: fw.connected(),
		RegisteredTime: timeInfo(fw.registered), ReregisteredTime: timeInfo(fw.reregistered),
		UnregisteredTime: timeInfo(fw.unregistered),
	}
	var allocated resources
	for _, o := range backward(offersInOrder(fw.offers)) {
		out.Offers = append(out.Offers, o.toProto())
	}
	for _, o := range inverseInOrder(fw.inverseOffers) {
		out.InverseOffers = append(out.InverseOffers, o.toProto())
	}
	for _, t := range tasksInOrder(fw.tasks) {
		if !t.freed {
			allocated = allocated.plus(t.resources)
		}
	}
	out.OfferedResources = fw.offered.of(fw.offers).toEndpointProto()
	out.AllocatedResources = allocated.toEndpointProto()
	return out
}

func (m *master) getOperations() *masterproto.Response_GetOperations {
	out := &masterproto.Response_GetOperations{}
	for _, ag := range backward(m.agentOrder) {
		for _, op := range backward(operationsInOrder(ag.operations)) {
			status := mesos.Operation{
				AgentID: &mesos.AgentID{Value: ag.id}, Info: op.info,
				LatestStatus: op.latest, Statuses: op.statuses, UUID: mesos.UUID{Value: []byte(op.uuid)},
			}
			if op.frameworkID != "" {
				status.FrameworkID = &mesos.FrameworkID{Value: op.frameworkID}
			}
			out.Operations = append(out.Operations, status)
		}
	}
	return out
}

func (m *master) getTasks() *masterproto.Response_GetTasks {
	out := &masterproto.Response_GetTasks{}
	for _, fw := range m.frameworksInOrder() {
		for _, t := range tasksInOrder(fw.tasks) {
			out.Tasks = append(out.Tasks, t.toProto())
		}
		for _, t := range tasksInOrder(fw.unreachable) {
			out.UnreachableTasks = append(out.UnreachableTasks, t.toProto())
		}
		for _, t := range fw.ended {
			out.CompletedTasks = append(out.CompletedTasks, t.toProto())
		}
	}
	return out
}

func (t *task) toProto() mesos.Task {
	state := t.state
	out := mesos.Task{
		Name: t.info.Name, TaskID: t.info.TaskID, FrameworkID: mesos.FrameworkID{Value: t.frameworkID},
		AgentID: t.info.AgentID, State: &state, Resources: t.resources.toProto(), Statuses: t.statuses,
		Labels: t.info.Labels,
	}
	if len(t.statuses) > 0 {
		last := t.statuses[len(t.statuses)-1]
		out.StatusUpdateState, out.StatusUpdateUUID = last.State, last.UUID
	}
	return out
}

// clusterStatus is the answer to GET_MAINTENANCE_STATUS.
func (m *master) clusterStatus() maintenance.ClusterStatus {
	var out maintenance.ClusterStatus
	for _, mc := range m.machinesInOrder() {
		switch mc.mode {
		case machineDown:
			out.DownMachines = append(out.DownMachines, mc.id.toProto())
		case machineDraining:
			out.DrainingMachines = append(out.DrainingMachines, maintenance.ClusterStatus_DrainingMachine{
				ID: mc.id.toProto(), Statuses: responsesOf(mc),
			})
		}
	}
	return out
}

func responsesOf(mc *machine) []allocator.InverseOfferStatus {
	var out []allocator.InverseOfferStatus
	for _, ag := range mc.agents {
		for _, id := range slices.Sorted(maps.Keys(ag.responses)) {
			response := ag.responses[id]
			out = append(out, allocator.InverseOfferStatus{
				Status: &response.status, FrameworkID: mesos.FrameworkID{Value: id},
				Timestamp: mesos.TimeInfo{Nanoseconds: response.at.UnixNano()},
			})
		}
	}
	return out
}
