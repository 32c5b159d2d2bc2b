package mesossim

import (
	"strings"
	"time"

	"github.com/google/uuid"
	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

// Delays of an emulated executor, as observed.
const (
	executorStart = 300 * time.Millisecond
	commandStart  = 20 * time.Millisecond
	commandExit   = 250 * time.Millisecond
	killTakes     = 80 * time.Millisecond
)

// hostTask is a task on its agent. Statuses are sent one at a time: the next
// one follows the acknowledgement of the one before.
type hostTask struct {
	task        *task
	container   string
	pid         uint32             // of the executor
	statuses    []mesos.TaskStatus // not acknowledged, oldest first
	sent        *entry             // resend of the first
	wait        time.Duration
	terminating bool
}

// runTask starts a task: it is STARTING, then RUNNING until it is killed. The
// command "exit N" ends it.
func (h *host) runTask(t *task) {
	h.sim.lastPID++
	ht := &hostTask{task: t, container: uuid.NewString(), pid: h.sim.lastPID, wait: firstResend}
	h.tasks[t.key()] = ht
	h.later(executorStart, func() { h.pushStatus(ht, mesos.TASK_STARTING, "", nil) })
	h.later(executorStart+commandStart, func() { h.pushStatus(ht, mesos.TASK_RUNNING, "", nil) })
	code, exits := strings.CutPrefix(t.info.GetCommand().GetValue(), "exit ")
	if !exits {
		return
	}
	state, message := mesos.TASK_FAILED, "Command exited with status "+code
	if code == "0" {
		state = mesos.TASK_FINISHED
	}
	h.later(executorStart+commandStart+commandExit, func() { h.pushStatus(ht, state, message, nil) })
}

// killTask ends a task, if it runs, with state.
func (h *host) killTask(key string, state mesos.TaskState, reason *mesos.TaskStatus_Reason) {
	ht := h.tasks[key]
	if ht == nil || ht.terminating {
		return
	}
	ht.terminating = true
	h.later(killTakes, func() {
		h.pushStatus(ht, state, "Command terminated with signal Terminated", reason)
	})
}

// pushStatus queues a status of the task.
func (h *host) pushStatus(ht *hostTask, state mesos.TaskState, message string, reason *mesos.TaskStatus_Reason) {
	if h.tasks[ht.task.key()] != ht {
		return
	}
	if ht.terminating && !isTerminal(state) {
		return
	}
	source, now := mesos.SOURCE_EXECUTOR, seconds(time.Now())
	status := mesos.TaskStatus{
		TaskID: ht.task.info.TaskID, State: &state, Source: &source, Reason: reason,
		AgentID: &mesos.AgentID{Value: h.id}, ExecutorID: &mesos.ExecutorID{Value: ht.task.id()},
		Timestamp: &now, UUID: []byte(newUUID()), ContainerStatus: h.containerStatus(ht),
	}
	if message != "" {
		status.Message = &message
	}
	ht.statuses = append(ht.statuses, status)
	if len(ht.statuses) == 1 {
		h.sendTask(ht)
	}
}

func (h *host) containerStatus(ht *hostTask) *mesos.ContainerStatus {
	protocol, address, pid := mesos.IPv4, h.ip(), ht.pid
	return &mesos.ContainerStatus{
		ContainerID: &mesos.ContainerID{Value: ht.container},
		NetworkInfos: []mesos.NetworkInfo{{
			IPAddresses: []mesos.NetworkInfo_IPAddress{{Protocol: &protocol, IPAddress: &address}},
		}},
		ExecutorPID: &pid,
	}
}

// sendTask sends the oldest unacknowledged status, and again until it is
// acknowledged.
func (h *host) sendTask(ht *hostTask) {
	ht.sent.cancel()
	ht.sent = h.later(ht.wait, func() { h.sendTask(ht) })
	ht.wait = min(2*ht.wait, longestResend)
	status := ht.statuses[0]
	h.tell(func(m *master, ag *agent) { m.taskUpdated(ag, ht.task.frameworkID, status) })
}

func (h *host) taskAcknowledged(key, statusUUID string) {
	ht := h.tasks[key]
	if ht == nil || len(ht.statuses) == 0 || string(ht.statuses[0].UUID) != statusUUID {
		return
	}
	done := isTerminal(*ht.statuses[0].State)
	ht.statuses = ht.statuses[1:]
	ht.sent.cancel()
	ht.wait = firstResend
	switch {
	case done:
		delete(h.tasks, key)
	case len(ht.statuses) > 0:
		h.sendTask(ht)
	}
}

func (h *host) forgetTask(key string) {
	if ht := h.tasks[key]; ht != nil {
		ht.sent.cancel()
		delete(h.tasks, key)
	}
}
