package filter

import "github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"

// Reason says why a node is refused. It is shared by responses, logs and metric
// labels, and never holds an amount, a pod or a node: kube-scheduler puts it
// into the pod's condition, where texts that differ per node pile up, and a
// text that differs per attempt makes the scheduler try again at once, for
// ever.
type Reason string

// Reasons that concern one node.
const (
	NoAgent        Reason = "no Mesos agent for node"
	AmbiguousAgent Reason = "several Mesos agents match node"
	NoOffers       Reason = "no offers from agent"

	AgentDraining    Reason = "agent is draining"
	AgentDeactivated Reason = "agent is deactivated"
	AgentMaintenance Reason = "agent under maintenance"

	InsufficientCPUs  Reason = "insufficient offered cpus"
	InsufficientMem   Reason = "insufficient offered mem"
	InsufficientDisk  Reason = "insufficient offered disk"
	InsufficientGPUs  Reason = "insufficient offered gpus"
	InsufficientPorts Reason = "insufficient offered ports"
	// Scattered: every resource is offered in sufficient amount by some agent,
	// but no agent offers all that the pod needs.
	Scattered Reason = "insufficient offered resources on any one agent"
)

// Reasons that concern every node alike.
const (
	NoSubscription Reason = "no subscription to Mesos"
	Recovering     Reason = "reservations are being recovered"
	NotReady       Reason = "extender is not ready"
	Unsupported    Reason = "pod requests a resource that has no Mesos counterpart"
	UnknownRole    Reason = "pod names a Mesos role that is not configured"
)

// lasting reports whether the reason holds for the node whatever is offered. It
// is not replaced by what all nodes lack.
func (r Reason) lasting() bool {
	switch r {
	case NoAgent, AmbiguousAgent, AgentDraining, AgentDeactivated, AgentMaintenance:
		return true
	}
	return false
}

// insufficient returns the reason for a shortage of one Mesos resource. The
// names beyond the native ones come from the configuration, so they are few.
func insufficient(resource string) Reason {
	switch resource {
	case resources.CPUs:
		return InsufficientCPUs
	case resources.Mem:
		return InsufficientMem
	case resources.Disk:
		return InsufficientDisk
	case resources.GPUs:
		return InsufficientGPUs
	case resources.Ports:
		return InsufficientPorts
	default:
		return Reason("insufficient offered " + resource)
	}
}

// Refusal is an error that refuses a pod on every node, for a cause that lies
// in the pod itself. It is an answer to the scheduler, not a failure.
type Refusal struct {
	Reason Reason
	Err    error // the detail, for the log
}

func (r *Refusal) Error() string {
	if r.Err == nil {
		return string(r.Reason)
	}
	return string(r.Reason) + ": " + r.Err.Error()
}

// Unwrap returns the detail.
func (r *Refusal) Unwrap() error { return r.Err }
