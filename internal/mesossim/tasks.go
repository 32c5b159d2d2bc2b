package mesossim

import (
	"cmp"
	"maps"
	"slices"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler"
)

// task is the master's record of a task.
type task struct {
	frameworkID string
	agent       *agent
	info        mesos.TaskInfo
	resources   resources // allocated to one role
	launched    time.Time
	state       mesos.TaskState
	statuses    []mesos.TaskStatus
	freed       bool // its resources were given back
}

func (t *task) id() string { return t.info.TaskID.Value }

func (t *task) key() string { return t.frameworkID + "/" + t.id() }

func tasksInOrder(tasks map[string]*task) []*task {
	return slices.SortedFunc(maps.Values(tasks), func(a, b *task) int {
		return cmp.Or(a.launched.Compare(b.launched), cmp.Compare(a.id(), b.id()))
	})
}

// isTerminal reports whether a task in state is over.
func isTerminal(state mesos.TaskState) bool {
	switch state {
	case mesos.TASK_STAGING, mesos.TASK_STARTING, mesos.TASK_RUNNING, mesos.TASK_KILLING,
		mesos.TASK_UNREACHABLE, mesos.TASK_UNKNOWN:
		return false
	}
	return true
}

// masterStatus is a status that the master itself sends; it has no UUID.
func masterStatus(id mesos.TaskID, agentID *mesos.AgentID, state mesos.TaskState, message string, reason mesos.TaskStatus_Reason) mesos.TaskStatus {
	source, now := mesos.SOURCE_MASTER, seconds(time.Now())
	return mesos.TaskStatus{
		TaskID: id, AgentID: agentID, State: &state, Message: &message,
		Source: &source, Reason: &reason, Timestamp: &now,
	}
}

func (m *master) sendTaskStatus(fw *framework, status mesos.TaskStatus) {
	m.send(fw, &scheduler.Event{Type: scheduler.Event_UPDATE, Update: &scheduler.Event_Update{Status: status}})
}

// launch starts one task of a LAUNCH.
func (run *acceptance) launch(info *mesos.TaskInfo) {
	m, fw, ag := run.m, run.framework, run.agent
	list := resourcesFromProto(info.Resources)
	for i := range list {
		if list[i].allocated == "" {
			list[i].allocated = run.role
		}
	}
	wanted := newResources(list)
	if err := run.validateTask(info, wanted); err != nil {
		m.sendTaskStatus(fw, masterStatus(info.TaskID, &mesos.AgentID{Value: ag.id}, mesos.TASK_ERROR, err.Error(), mesos.REASON_TASK_INVALID))
		return
	}
	run.remaining = run.remaining.minus(wanted)
	run.launched = run.launched.plus(wanted)
	t := &task{
		frameworkID: fw.id, agent: ag, info: *info, resources: wanted,
		launched: time.Now(), state: mesos.TASK_STAGING,
	}
	if ag.tasks == nil {
		ag.tasks = map[string]*task{}
	}
	ag.tasks[t.key()] = t
	fw.tasks[t.id()] = t
	m.deliver(ag, func() { ag.host.runTask(t) })
}

// validateTask follows validation::task::validate as far as tasks without
// executors go.
func (run *acceptance) validateTask(info *mesos.TaskInfo, wanted resources) error {
	switch {
	case run.framework.tasks[info.TaskID.Value] != nil:
		return textf("Task has duplicate ID: %s", info.TaskID.Value)
	case run.framework.unreachable[info.TaskID.Value] != nil:
		return textf("Task reuses the ID of an unreachable task: %s", info.TaskID.Value)
	case info.AgentID.Value != run.agent.id:
		return textf("Task uses invalid agent %s while agent %s is expected", info.AgentID.Value, run.agent.id)
	case len(info.Resources) == 0:
		return textf("Task uses no resources")
	case (info.Executor == nil) == (info.Command == nil):
		return textf("Task should have at least one (but not both) of CommandInfo or ExecutorInfo present")
	case !run.remaining.contains(wanted):
		return textf("Total resources %s required by task and its executor is more than available %s", wanted, run.remaining)
	}
	return nil
}

// taskUpdated handles an agent's status of a task.
func (m *master) taskUpdated(ag *agent, frameworkID string, status mesos.TaskStatus) {
	fw := m.frameworks[frameworkID]
	t := ag.tasks[frameworkID+"/"+status.TaskID.Value]
	if t != nil {
		t.state = *status.State
		if len(t.statuses) == 0 || string(t.statuses[len(t.statuses)-1].UUID) != string(status.UUID) {
			t.statuses = append(t.statuses, status)
		}
		if isTerminal(t.state) {
			m.freeTask(t)
		}
	}
	m.sendTaskStatus(fw, status)
	if fw != nil && fw.neighbour != nil {
		m.acknowledgeTask(fw, &scheduler.Call_Acknowledge{
			AgentID: mesos.AgentID{Value: ag.id}, TaskID: status.TaskID, UUID: status.UUID,
		})
	}
}

// freeTask gives the resources of a task that is over back.
func (m *master) freeTask(t *task) {
	if t.freed {
		return
	}
	t.freed = true
	t.agent.use(t.frameworkID, t.resources, -1)
	m.give(t.frameworkID, t.agent, t.resources, nil)
}

// forgetTask takes a task out of the books.
func (m *master) forgetTask(t *task, unreachable bool) {
	m.freeTask(t)
	delete(t.agent.tasks, t.key())
	fw := m.frameworks[t.frameworkID]
	if fw == nil {
		return
	}
	delete(fw.tasks, t.id())
	if unreachable {
		fw.unreachable[t.id()] = t
	} else {
		fw.ended = append(fw.ended, t)
	}
}

// endTaskOfRemoved ends a task because its framework is removed.
func (m *master) endTaskOfRemoved(_ *framework, t *task) {
	m.forgetTask(t, false)
	m.deliver(t.agent, func() { t.agent.host.forgetTask(t.key()) })
}

// acknowledgeTask handles ACKNOWLEDGE.
func (m *master) acknowledgeTask(fw *framework, call *scheduler.Call_Acknowledge) {
	ag := m.agents[call.AgentID.Value]
	if ag == nil || !ag.connected {
		return
	}
	key := fw.id + "/" + call.TaskID.Value
	if t := ag.tasks[key]; t != nil && isTerminal(t.state) && len(t.statuses) > 0 &&
		string(t.statuses[len(t.statuses)-1].UUID) == string(call.UUID) {
		m.forgetTask(t, false)
	}
	acknowledged := string(call.UUID)
	m.deliver(ag, func() { ag.host.taskAcknowledged(key, acknowledged) })
	m.checkDrained(ag)
}

// kill handles KILL; that of an unknown task is answered like RECONCILE.
func (m *master) kill(fw *framework, call *scheduler.Call_Kill) {
	t := fw.tasks[call.TaskID.Value]
	if t == nil {
		m.reconcileTasks(fw, []scheduler.Call_Reconcile_Task{{TaskID: call.TaskID, AgentID: call.AgentID}})
		return
	}
	if (call.AgentID != nil && call.AgentID.Value != t.agent.id) || !t.agent.connected {
		return
	}
	m.deliver(t.agent, func() { t.agent.host.killTask(t.key(), mesos.TASK_KILLED, nil) })
}

// reconcileTasks handles RECONCILE.
func (m *master) reconcileTasks(fw *framework, asked []scheduler.Call_Reconcile_Task) {
	if len(asked) == 0 {
		for _, t := range tasksInOrder(fw.tasks) {
			m.sendTaskStatus(fw, t.reconciled())
		}
		return
	}
	for _, q := range asked {
		if t := fw.tasks[q.TaskID.Value]; t != nil {
			m.sendTaskStatus(fw, t.reconciled())
			continue
		}
		state, message, known := m.reconcileUnknownTask(q.AgentID)
		if !known {
			continue
		}
		if !fw.partitionAware() {
			state = mesos.TASK_LOST
		}
		status := masterStatus(q.TaskID, q.AgentID, state, message, mesos.REASON_RECONCILIATION)
		if state == mesos.TASK_UNREACHABLE {
			status.UnreachableTime = timeInfo(m.unreached[q.AgentID.Value])
		}
		m.sendTaskStatus(fw, status)
	}
}

func (t *task) reconciled() mesos.TaskStatus {
	status := masterStatus(t.info.TaskID, &mesos.AgentID{Value: t.agent.id}, t.state,
		"Reconciliation: Latest task state", mesos.REASON_RECONCILIATION)
	if len(t.statuses) > 0 {
		status.ContainerStatus = t.statuses[len(t.statuses)-1].ContainerStatus
	}
	return status
}

// reconcileUnknownTask says what became of a task that the master does not
// know; not known means no answer, because the agent may still come back.
func (m *master) reconcileUnknownTask(agentID *mesos.AgentID) (state mesos.TaskState, message string, known bool) {
	id := agentID.GetValue()
	_, unreachable := m.unreached[id]
	_, gone := m.gone[id]
	switch {
	case agentID == nil && len(m.recovered) > 0, m.recovered[id] != nil:
		return 0, "", false
	case m.agents[id] != nil:
		return mesos.TASK_GONE, "Reconciliation: Task is unknown to the agent", true
	case unreachable:
		return mesos.TASK_UNREACHABLE, "Reconciliation: Task is unreachable", true
	case gone:
		return mesos.TASK_GONE_BY_OPERATOR, "Reconciliation: Task is gone", true
	}
	return mesos.TASK_UNKNOWN, "Reconciliation: Task is unknown", true
}
