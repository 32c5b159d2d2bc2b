package mesos

import (
	"errors"
	"time"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

var (
	// ErrFailedOver ends Run when the master said "Framework failed over":
	// another process subscribed with our framework ID (trap T2). Retrying
	// would make the two fight for ever.
	ErrFailedOver = errors.New("framework failed over to another subscriber")
	// ErrRemoved ends Run when the master said "Framework has been removed":
	// the only error on which a stored framework ID may be dropped (trap T3).
	ErrRemoved = errors.New("framework has been removed")
	// ErrRefused ends Run on any other ERROR event (a role, principal or ACL
	// that will not get better by itself). It wraps the master's message.
	ErrRefused = errors.New("subscription refused by the master")
	// ErrDisconnected is returned by a call made while there is no
	// subscription, or for a generation that is over.
	ErrDisconnected = errors.New("not subscribed to a master")
	// ErrDeadly is returned for a call that is known to end a Mesos master
	// (trap T18), or is malformed in a way that Mesos drops without a word
	// (trap T13). It was not sent.
	ErrDeadly = errors.New("call refused: it could end the master")
)

// Subscription describes one successful SUBSCRIBE.
type Subscription struct {
	// Generation numbers subscriptions from 1. Offers, and calls that name
	// offers, belong to one generation (trap T1).
	Generation  uint64
	FrameworkID string
	Master      string // base URL of the leader
	Version     string // Mesos version of the master
	Heartbeat   time.Duration
}

// Handler receives what the master says. Run calls it from one goroutine, in
// the order of the stream; it must return quickly and never block on I/O.
type Handler interface {
	Subscribed(Subscription)
	// Disconnected ends a generation: every offer of it is void.
	Disconnected(generation uint64, cause error)
	Offers(generation uint64, offers []*resources.Offer)
	Rescind(generation uint64, offerID string)
	// OperationStatus reports an operation's progress. The receiver calls
	// Acknowledge for statuses with a UUID once it has acted on them.
	OperationStatus(OperationStatus)
	InverseOffer(generation uint64, inverse InverseOffer)
	RescindInverseOffer(generation uint64, inverseOfferID string)
	// AgentLost reports FAILURE of an agent. It may come back, under the same
	// ID or a new one.
	AgentLost(agentID string)
}

// OperationState is the state of an operation, by Mesos' own name.
type OperationState string

// The states of an operation (Mesos docs/operations.md). Unreachable and
// Recovering are not final; Unknown means neither done nor failed (trap T16).
const (
	OperationPending     OperationState = "OPERATION_PENDING"
	OperationFinished    OperationState = "OPERATION_FINISHED"
	OperationFailed      OperationState = "OPERATION_FAILED"
	OperationError       OperationState = "OPERATION_ERROR"
	OperationDropped     OperationState = "OPERATION_DROPPED"
	OperationUnreachable OperationState = "OPERATION_UNREACHABLE"
	OperationGone        OperationState = "OPERATION_GONE_BY_OPERATOR"
	OperationRecovering  OperationState = "OPERATION_RECOVERING"
	OperationUnknown     OperationState = "OPERATION_UNKNOWN"
	OperationUnsupported OperationState = "OPERATION_UNSUPPORTED"
)

// OperationStatus is one UPDATE_OPERATION_STATUS.
type OperationStatus struct {
	OperationID string
	State       OperationState
	Message     string
	AgentID     string // as in the status; empty when the master made it
	// UUID is set on statuses that an agent sends again until they are
	// acknowledged. Empty: must not be acknowledged (trap T14).
	UUID []byte
	// ResourceProviderID belongs to the acknowledgement where it is set.
	ResourceProviderID string
}

// Confirms reports whether the status proves that the agent executed the
// operation: only OPERATION_FINISHED with a UUID does (trap T19).
func (s OperationStatus) Confirms() bool {
	return s.State == OperationFinished && len(s.UUID) > 0
}

// OperationType is RESERVE or UNRESERVE; the extender needs no other.
type OperationType int

// The operations the extender sends.
const (
	Reserve OperationType = iota + 1
	Unreserve
)

// Operation is one operation of an ACCEPT.
type Operation struct {
	// ID asks for feedback and must be unique for ever (trap T15). Empty: the
	// agent has no operation feedback and no status will come.
	ID   string
	Type OperationType
	// Role is the role the offers are allocated to.
	Role string
	// Portions are the resources. For Reserve each stack already has the new
	// layer on top; for Unreserve the top layer is the one that is popped.
	Portions []resources.Portion
}

// Accept is one ACCEPT call.
type Accept struct {
	Generation uint64
	OfferIDs   []string // of one agent and one role (trap T4)
	Operations []Operation
	// Refuse is how long the remainder is not offered again; see trap T6.
	Refuse time.Duration
}

// OperationRef names an operation in a RECONCILE_OPERATIONS. AgentID helps the
// master to answer better than OPERATION_UNKNOWN and may be empty.
type OperationRef struct{ OperationID, AgentID string }

// InverseOffer asks for an agent's resources back before maintenance.
type InverseOffer struct {
	ID          string
	AgentID     string
	Maintenance resources.Maintenance
}

// Pending is a RESERVE that the master has sent to an agent and that the agent has
// not reported on (GET_OPERATIONS). The master's lists and offers show what it
// reserves all the same.
type Pending struct {
	AgentID  string
	Portions []resources.Portion
}

// Agent is one agent in the master's operator API (GET_AGENTS).
type Agent struct {
	ID       string
	Hostname string
	Address  string // ip:port as the master knows it
	Active   bool
	// Recovered is true for an agent that the master knows from its registry
	// but that is not back since the master restarted. Nothing is known of its
	// resources: Reserved, Total and Feedback are empty.
	Recovered bool
	// Deactivated and DrainState ("", DRAINING, DRAINED) tell of DRAIN_AGENT.
	Deactivated bool
	DrainState  string
	// Feedback is false if the agent lacks AGENT_OPERATION_FEEDBACK.
	Feedback bool
	// Reserved are all reserved portions, of any role, with their full stacks.
	Reserved []resources.Portion
	// Total and Attributes are what the agent has in all.
	Total      resources.Vector
	Attributes []resources.Label
}
