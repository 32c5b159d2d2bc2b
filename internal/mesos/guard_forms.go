package mesos

import (
	"math"
	"strings"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

func checkSubscribe(call *scheduler.Call) error {
	info := call.GetSubscribe().GetFrameworkInfo()
	switch {
	case info == nil:
		return deadly("SUBSCRIBE without framework info")
	case info.GetID().GetValue() != call.GetFrameworkID().GetValue():
		return deadly("SUBSCRIBE with two framework IDs")
	case len(info.Roles) == 0:
		return deadly("SUBSCRIBE without a role")
	case !(info.GetFailoverTimeout() > 0):
		return deadly("SUBSCRIBE without a failover timeout (trap T3)")
	}
	return checkNames("SUBSCRIBE", info.Roles)
}

func checkNames(call string, roles []string) error {
	for _, role := range roles {
		if role == "" || role == resources.Unreserved {
			return deadly("%s with role %q", call, role)
		}
	}
	return nil
}

// checkDecline checks what ACCEPT, DECLINE and the answers to inverse offers
// have in common: IDs and a filter. A negative refusal would mean the default.
func checkDecline(ids []mesos.OfferID, filters *mesos.Filters) error {
	if len(ids) == 0 {
		return deadly("no offer IDs")
	}
	for i := range ids {
		if ids[i].Value == "" {
			return deadly("empty offer ID")
		}
	}
	if seconds := filters.GetRefuseSeconds(); !(seconds >= 0) || math.IsInf(seconds, 0) {
		return deadly("refusal for %v seconds", seconds)
	}
	return nil
}

func checkReconcile(reconcile *scheduler.Call_ReconcileOperations) error {
	if reconcile == nil {
		return deadly("RECONCILE_OPERATIONS without its message")
	}
	for i := range reconcile.Operations {
		if reconcile.Operations[i].OperationID.Value == "" {
			return deadly("RECONCILE_OPERATIONS with an empty operation ID")
		}
	}
	return nil
}

// checkOperation returns the role that the operation's resources are
// allocated to.
func checkOperation(op *mesos.Offer_Operation, principal string) (role string, err error) {
	if op.Launch != nil || op.LaunchGroup != nil || op.Create != nil || op.Destroy != nil || op.GrowVolume != nil ||
		op.ShrinkVolume != nil || op.CreateDisk != nil || op.DestroyDisk != nil {
		return "", deadly("operation other than RESERVE and UNRESERVE")
	}
	switch {
	case op.Type == mesos.Offer_Operation_RESERVE && op.Reserve != nil && op.Unreserve == nil:
		if len(op.Reserve.Source) > 0 {
			return "", deadly("RESERVE with a source, which the scheduler API refuses (trap T12)")
		}
		role, err = allocationRole("RESERVE", op.Reserve.Resources)
		if err != nil {
			return "", err
		}
		return role, checkReservations(op.Reserve.Resources, role, principal)
	case op.Type == mesos.Offer_Operation_UNRESERVE && op.Unreserve != nil && op.Reserve == nil:
		return allocationRole("UNRESERVE", op.Unreserve.Resources)
	}
	return "", deadly("operation type %s does not match its message", op.Type)
}

func allocationRole(call string, list []mesos.Resource) (string, error) {
	if len(list) == 0 {
		return "", deadly("%s of nothing", call)
	}
	role := list[0].GetAllocationInfo().GetRole()
	if role == "" || role == resources.Unreserved {
		return "", deadly("%s with allocation role %q", call, role)
	}
	return role, checkResources(call, list, role)
}

// checkReservations checks the new layer of a RESERVE: to the offer's role
// (trap T9) and with the framework's principal (trap T10).
func checkReservations(list []mesos.Resource, role, principal string) error {
	for i := range list {
		stack := list[i].Reservations
		top := &stack[len(stack)-1]
		if top.GetRole() != role {
			return deadly("RESERVE to role %s of an offer to role %s", top.GetRole(), role)
		}
		if principal != "" && top.GetPrincipal() != principal {
			return deadly("RESERVE with principal %q by a framework with principal %q", top.GetPrincipal(), principal)
		}
	}
	return nil
}

// checkResources checks a list that is to be reserved or unreserved. role is
// the allocation role, empty in the operator API.
func checkResources(call string, list []mesos.Resource, role string) error {
	if len(list) == 0 {
		return deadly("%s of nothing", call)
	}
	for i := range list {
		r := &list[i]
		if !plainAmount(r) {
			return deadly("%s of no or a malformed amount of %q", call, r.Name)
		}
		if r.GetAllocationInfo().GetRole() != role || role == "" && r.AllocationInfo != nil {
			return deadly("%s of resources allocated to %q and %q", call, role, r.GetAllocationInfo().GetRole())
		}
		if err := checkStack(call, r.Reservations, role); err != nil {
			return err
		}
	}
	return nil
}

// plainAmount reports whether r is a positive scalar or a list of non-empty
// ports, in the format of reservation refinement and nothing more.
func plainAmount(r *mesos.Resource) bool {
	if r.Name == "" || r.Type == nil || r.Role != nil || r.Reservation != nil || r.Disk != nil ||
		r.Revocable != nil || r.Shared != nil || r.ProviderID != nil || r.Set != nil {
		return false
	}
	switch *r.Type {
	case mesos.SCALAR:
		return r.Scalar != nil && r.Ranges == nil && decodeScalar(r.Scalar.Value) > 0
	case mesos.RANGES:
		return r.Ranges != nil && r.Scalar == nil && validRanges(r.Ranges.Range)
	}
	return false
}

func validRanges(list []mesos.Value_Range) bool {
	for i, r := range list {
		if r.Begin > r.End || r.End > maxPort || i > 0 && r.Begin <= list[i-1].End {
			return false
		}
	}
	return len(list) > 0
}

// checkStack checks a stack of reservations whose last layer is made or popped:
// it is dynamic, each layer refines the one below (trap T11), and the allocation
// role is that of the last layer or below it.
func checkStack(call string, stack []mesos.Resource_ReservationInfo, role string) error {
	if len(stack) == 0 {
		return deadly("%s without a reservation", call)
	}
	below := ""
	for i := range stack {
		next := stack[i].GetRole()
		switch {
		case next == "" || next == resources.Unreserved:
			return deadly("%s with a reservation to role %q", call, next)
		case below != "" && !strings.HasPrefix(next, below+"/"):
			return deadly("%s with a reservation to %s, which does not refine %s", call, next, below)
		case stack[i].GetType() == mesos.Resource_ReservationInfo_UNKNOWN:
			return deadly("%s with a reservation of unknown type", call)
		}
		below = next
	}
	if stack[len(stack)-1].GetType() != mesos.Resource_ReservationInfo_DYNAMIC {
		return deadly("%s of a static reservation", call)
	}
	if role != "" && role != below && !strings.HasPrefix(role, below+"/") {
		return deadly("%s of a reservation to %s in an offer to %s", call, below, role)
	}
	return nil
}
