package mesos

import (
	"fmt"
	"sync"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/master"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler"
)

// uuidSize is the size of a status UUID in bytes.
const uuidSize = 16

// remembered is how many operation IDs and statuses the guard knows at least.
const remembered = 1 << 20

// guard is the one place that every call passes just before the wire. It sees
// the final message and lets through only forms that are known to be safe:
// a real master dies of several others (trap T18), and ignores some in silence
// (trap T13). What it does not know it refuses.
type guard struct {
	// principal of the framework; every reservation must carry it (trap T10).
	principal string

	mu sync.Mutex // guards all below
	// used holds the operation IDs this process has sent (trap T15).
	used *recent[string, struct{}]
	// statuses maps a status' UUID to what it acknowledges (trap T14).
	statuses *recent[[uuidSize]byte, statusKey]
}

type statusKey struct{ operationID, agentID string }

func newGuard(principal string) *guard {
	return &guard{
		principal: principal,
		used:      newRecent[string, struct{}](remembered),
		statuses:  newRecent[[uuidSize]byte, statusKey](remembered),
	}
}

func deadly(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrDeadly, fmt.Sprintf(format, args...))
}

// received notes a status that came from the master; only such a status can be
// acknowledged.
func (g *guard) received(status OperationStatus) {
	if len(status.UUID) != uuidSize {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.statuses.put([uuidSize]byte(status.UUID), statusKey{status.OperationID, status.AgentID})
}

// scheduler checks a call of the scheduler API. offers are those outstanding.
// The operation IDs of a call that passes count as used from then on.
func (g *guard) scheduler(call *scheduler.Call, offers *ledger) error {
	if call.Type != scheduler.Call_SUBSCRIBE && call.GetFrameworkID().GetValue() == "" {
		return deadly("%s without a framework ID", call.Type)
	}
	switch call.Type {
	case scheduler.Call_SUBSCRIBE:
		return checkSubscribe(call)
	case scheduler.Call_ACCEPT:
		return g.accept(call.Accept, offers)
	case scheduler.Call_DECLINE:
		return checkDecline(call.Decline.GetOfferIDs(), call.Decline.GetFilters())
	case scheduler.Call_ACCEPT_INVERSE_OFFERS:
		return checkDecline(call.AcceptInverseOffers.GetInverseOfferIDs(), call.AcceptInverseOffers.GetFilters())
	case scheduler.Call_DECLINE_INVERSE_OFFERS:
		return checkDecline(call.DeclineInverseOffers.GetInverseOfferIDs(), call.DeclineInverseOffers.GetFilters())
	case scheduler.Call_ACKNOWLEDGE_OPERATION_STATUS:
		return g.acknowledgement(call.AcknowledgeOperationStatus)
	case scheduler.Call_RECONCILE_OPERATIONS:
		return checkReconcile(call.ReconcileOperations)
	case scheduler.Call_REVIVE:
		return checkNames("REVIVE", call.Revive.GetRoles())
	case scheduler.Call_SUPPRESS:
		return checkNames("SUPPRESS", call.Suppress.GetRoles())
	case scheduler.Call_TEARDOWN:
		return nil
	}
	return deadly("call type %s is not one of ours", call.Type)
}

// operator checks a call of the operator API.
func (g *guard) operator(call *master.Call) error {
	switch call.Type {
	case master.Call_GET_AGENTS, master.Call_GET_OPERATIONS:
		return nil
	case master.Call_UNRESERVE_RESOURCES:
		if call.UnreserveResources == nil || call.UnreserveResources.AgentID.Value == "" {
			return deadly("UNRESERVE_RESOURCES without an agent ID")
		}
		return checkResources("UNRESERVE_RESOURCES", call.UnreserveResources.Resources, "")
	}
	return deadly("operator call type %s is not one of ours", call.Type)
}

func (g *guard) acknowledgement(ack *scheduler.Call_AcknowledgeOperationStatus) error {
	agentID := ack.GetAgentID().GetValue()
	switch {
	case ack == nil || ack.OperationID.Value == "":
		return deadly("acknowledgement without an operation ID")
	case len(ack.UUID) != uuidSize:
		return deadly("acknowledgement of operation %s with a UUID of %d bytes", ack.OperationID.Value, len(ack.UUID))
	case agentID == "":
		return deadly("acknowledgement of operation %s without an agent ID", ack.OperationID.Value)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	key, ok := g.statuses.get([uuidSize]byte(ack.UUID))
	if !ok || key != (statusKey{ack.OperationID.Value, agentID}) {
		return deadly("operation %s on agent %s was not reported with that UUID", ack.OperationID.Value, agentID)
	}
	return nil
}

func (g *guard) accept(accept *scheduler.Call_Accept, offers *ledger) error {
	if err := checkDecline(accept.GetOfferIDs(), accept.GetFilters()); err != nil {
		return err
	}
	of, known, same := offers.common(accept.OfferIDs)
	if !same {
		return deadly("ACCEPT of offers of several agents or roles")
	}
	role, ids := "", make(map[string]struct{}, len(accept.Operations))
	for i := range accept.Operations {
		next, err := checkOperation(&accept.Operations[i], g.principal)
		if err != nil {
			return err
		}
		if role != "" && next != role {
			return deadly("ACCEPT with operations in roles %s and %s", role, next)
		}
		if role = next; known && role != of.role {
			return deadly("operation in role %s on an offer to role %s", role, of.role)
		}
		if err := collectID(ids, accept.Operations[i].ID); err != nil {
			return err
		}
	}
	return g.use(ids)
}

func collectID(ids map[string]struct{}, id *mesos.OperationID) error {
	if id == nil {
		return nil
	}
	if _, twice := ids[id.Value]; twice || id.Value == "" {
		return deadly("operation ID %q empty or twice in one ACCEPT", id.Value)
	}
	ids[id.Value] = struct{}{}
	return nil
}

// use marks operation IDs as used, all or none.
func (g *guard) use(ids map[string]struct{}) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	for id := range ids {
		if _, used := g.used.get(id); used {
			return deadly("operation ID %s was used before", id)
		}
	}
	for id := range ids {
		g.used.put(id, struct{}{})
	}
	return nil
}
