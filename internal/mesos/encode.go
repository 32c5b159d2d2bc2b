package mesos

import (
	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler/calls"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

// encodePortions writes portions in the format of reservation refinement, one
// resource per amount, in name order. role is the allocation role, empty for
// the operator API, whose resources are not allocated. Amounts are written as
// they are: the guard refuses what must not leave.
func encodePortions(portions []resources.Portion, role string) []mesos.Resource {
	var out []mesos.Resource
	for _, p := range portions {
		for _, s := range p.Vector.Scalars {
			r := newResource(s.Name, mesos.SCALAR, role, p.Layers)
			r.Scalar = &mesos.Value_Scalar{Value: float64(s.Milli) / 1000}
			out = append(out, r)
		}
		if p.Vector.Ports == nil {
			continue
		}
		r := newResource(resources.Ports, mesos.RANGES, role, p.Layers)
		r.Ranges = new(mesos.Value_Ranges)
		for _, ports := range p.Vector.Ports {
			r.Ranges.Range = append(r.Ranges.Range, mesos.Value_Range{Begin: ports.Begin, End: ports.End})
		}
		out = append(out, r)
	}
	return out
}

func newResource(name string, kind mesos.Value_Type, role string, layers []resources.Layer) mesos.Resource {
	r := mesos.Resource{Name: name, Type: &kind, Reservations: encodeLayers(layers)}
	if role != "" {
		r.AllocationInfo = &mesos.Resource_AllocationInfo{Role: &role}
	}
	return r
}

func encodeLayers(layers []resources.Layer) []mesos.Resource_ReservationInfo {
	var out []mesos.Resource_ReservationInfo
	for _, layer := range layers {
		kind := mesos.Resource_ReservationInfo_STATIC
		if layer.Dynamic {
			kind = mesos.Resource_ReservationInfo_DYNAMIC
		}
		info := mesos.Resource_ReservationInfo{Type: &kind, Role: &layer.Role, Principal: optional(layer.Principal)}
		if len(layer.Labels) > 0 {
			info.Labels = &mesos.Labels{Labels: encodeLabels(layer.Labels)}
		}
		out = append(out, info)
	}
	return out
}

func encodeLabels(labels []resources.Label) []mesos.Label {
	out := make([]mesos.Label, len(labels))
	for i, label := range labels {
		out[i] = mesos.Label{Key: label.Key, Value: optional(label.Value)}
	}
	return out
}

// encodeAccept builds ACCEPT. Operations apply in order; filters are always
// set, because an absent filter means 5 seconds. Here and below, lists are
// empty rather than nil: the library's JSON has null for nil, which is no value
// of a repeated field.
func encodeAccept(a Accept) *scheduler.Call {
	operations := make(calls.OfferOperations, len(a.Operations))
	for i, op := range a.Operations {
		operations[i] = encodeOperation(op)
	}
	call := calls.Accept(operations.WithOffers(offerIDs(a.OfferIDs)...)).With(calls.RefuseSeconds(max(a.Refuse, 0)))
	if call.Accept.Operations == nil {
		call.Accept.Operations = []mesos.Offer_Operation{}
	}
	return call
}

func encodeOperation(op Operation) mesos.Offer_Operation {
	var out mesos.Offer_Operation
	list := encodePortions(op.Portions, op.Role)
	switch op.Type {
	case Reserve:
		out = calls.OpReserve(list...)
		out.Reserve.Source = []mesos.Resource{}
	case Unreserve:
		out = calls.OpUnreserve(list...)
	}
	if op.ID != "" {
		out.ID = &mesos.OperationID{Value: op.ID}
	}
	return out
}

func offerIDs(ids []string) []mesos.OfferID {
	out := make([]mesos.OfferID, len(ids))
	for i, id := range ids {
		out[i].Value = id
	}
	return out
}

// encodeReconcile builds RECONCILE_OPERATIONS; no operations means all.
func encodeReconcile(refs []OperationRef) *scheduler.Call {
	list := make([]calls.ReconcileOperationRequest, len(refs))
	for i, ref := range refs {
		list[i] = calls.ReconcileOperationRequest{OperationID: ref.OperationID, AgentID: ref.AgentID}
	}
	call := calls.ReconcileOperations(list)
	if call.ReconcileOperations.Operations == nil {
		call.ReconcileOperations.Operations = []scheduler.Call_ReconcileOperations_Operation{}
	}
	return call
}
