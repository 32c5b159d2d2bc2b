package mesossim

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

// Delays of an agent process, as observed.
const (
	agentLatency    = 8 * time.Millisecond   // message to an agent and its answer
	exitDetected    = 25 * time.Millisecond  // broken connection noticed by the master
	rejoinAfterHang = 800 * time.Millisecond // re-registration of an agent that was given up
	firstResend     = 10 * time.Second       // unacknowledged status; doubles each time
	longestResend   = 10 * time.Minute
)

type hostState int

const (
	hostStopped hostState = iota
	hostRunning
	hostHung // SIGSTOP: what is sent to it waits
)

// host is an agent process and the disk it checkpoints to: the agent's own
// truth, which the master's record may be ahead of.
type host struct {
	sim        *Sim
	spec       AgentSpec
	port       int
	attributes []mesos.Attribute
	domain     *mesos.DomainInfo
	configured resources // of the --resources flag

	// On disk.
	id         string                    // agent ID, "" before the first registration
	total      resources                 // changed in place while the process runs
	operations map[string]*hostOperation // UUID → not yet acknowledged
	tasks      map[string]*hostTask      // framework ID and task ID → task

	state hostState
	epoch int      // counts process starts and ends: what belongs to an old one is void
	inbox []func() // while hung
	// catchingUp is while the inbox is worked off after a hang: what the master
	// sent comes before the agent finds out that it has to register again.
	catchingUp    bool
	registerAfter bool   // it was about to register when it hung
	pings         *entry // the master's patience with an agent that does not answer
	// missesPings is when the agent notices that its master is gone: it has had no
	// ping for as long as the master may keep silent.
	missesPings time.Time
}

// hostOperation is an operation the agent has performed.
type hostOperation struct {
	uuid        string
	seq         int // order in which they were performed
	frameworkID string
	info        mesos.Offer_Operation
	status      mesos.OperationStatus
	resend      *entry
	wait        time.Duration
}

func (h *host) ip() string {
	if h.spec.IP != "" {
		return h.spec.IP
	}
	return "127.0.0.1"
}

func (h *host) pid() string { return fmt.Sprintf("slave(1)@%s:%d", h.ip(), h.port) }

func (h *host) url() *mesos.URL {
	hostname, ip, path := h.spec.Hostname, h.ip(), "/slave(1)"
	return &mesos.URL{
		Scheme:  "http",
		Address: mesos.Address{Hostname: &hostname, IP: &ip, Port: int32(h.port)},
		Path:    &path,
	}
}

func (h *host) machine() machineID { return machineID{h.spec.Hostname, h.ip()} }

// agentInfo is the agent as it announces itself.
func (h *host) agentInfo(id string) mesos.AgentInfo {
	port := int32(h.port)
	return mesos.AgentInfo{
		Hostname: h.spec.Hostname, Port: &port, Resources: h.configured.toProto(),
		Attributes: h.attributes, ID: &mesos.AgentID{Value: id}, Domain: h.domain,
	}
}

// deliver lets the agent's process do something that the master asks for. It
// goes to the process that registered, over the connection to it, and is lost
// when that one has ended, even if another runs already.
func (m *master) deliver(ag *agent, do func()) {
	epoch := ag.epoch
	m.sim.queue.after(agentLatency, func() { ag.host.receive(epoch, do) })
}

func (h *host) receive(epoch int, do func()) {
	switch {
	case h.epoch != epoch || h.state == hostStopped:
	case h.state == hostHung:
		h.inbox = append(h.inbox, do)
	default:
		do()
	}
}

// later does something in the agent's process after d.
func (h *host) later(d time.Duration, do func()) *entry {
	epoch := h.epoch
	return h.sim.queue.after(d, func() { h.receive(epoch, do) })
}

// tell lets the agent's process send something to the master, if the master
// has it registered.
func (h *host) tell(do func(m *master, ag *agent)) {
	m := h.sim.master
	if m == nil || m.stopped {
		return
	}
	if ag := m.agents[h.id]; ag != nil && ag.host == h && ag.connected {
		do(m, ag)
	}
}

// execute performs a RESERVE or UNRESERVE.
func (h *host) execute(op *operation, steps []conversion) {
	state := mesos.OPERATION_FINISHED
	if h.total.convert(steps) != nil {
		state = mesos.OPERATION_DROPPED
	}
	ho := &hostOperation{
		uuid: op.uuid, seq: h.sim.nextSeq(), frameworkID: op.frameworkID, info: op.info,
		status: mesos.OperationStatus{
			OperationID: op.info.ID, State: state,
			UUID:    &mesos.UUID{Value: []byte(newUUID())},
			AgentID: &mesos.AgentID{Value: h.id},
		},
		wait: firstResend,
	}
	h.operations[ho.uuid] = ho
	h.checkpoint()
	h.sendOperation(ho)
}

// performed returns the operations that are not acknowledged, oldest first.
func (h *host) performed() []*hostOperation {
	return slices.SortedFunc(maps.Values(h.operations), func(a, b *hostOperation) int { return cmp.Compare(a.seq, b.seq) })
}

// running returns the agent's tasks, by framework and task ID.
func (h *host) running() []*hostTask {
	return slices.SortedFunc(maps.Values(h.tasks), func(a, b *hostTask) int { return cmp.Compare(a.task.key(), b.task.key()) })
}

// sendOperation sends the status of an operation, and again until it is
// acknowledged.
func (h *host) sendOperation(ho *hostOperation) {
	ho.resend.cancel()
	ho.resend = h.later(ho.wait, func() { h.sendOperation(ho) })
	ho.wait = min(2*ho.wait, longestResend)
	h.tell(func(m *master, ag *agent) {
		if m.sim.loseStatus(ho) {
			return
		}
		m.operationUpdated(ag, h, ho)
	})
}

func (h *host) acknowledged(operationUUID string) {
	ho := h.operations[operationUUID]
	if ho == nil {
		return
	}
	ho.resend.cancel()
	delete(h.operations, operationUUID)
	h.checkpoint()
}
