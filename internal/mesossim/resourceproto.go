package mesossim

import (
	"slices"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

// resourceFromProto converts a validated wire resource. The old format
// (role and reservation fields) is turned into a stack of reservations.
func resourceFromProto(p *mesos.Resource) resource {
	r := resource{
		name:      p.Name,
		kind:      p.GetType(),
		scalar:    p.GetScalar().GetValue(),
		allocated: p.GetAllocationInfo().GetRole(),
		reserved:  newReservations(upgradedReservations(p)),
		extra:     extraKey(p),
	}
	if p.Ranges == nil && p.Set == nil {
		return r
	}
	var spans []span
	for _, s := range p.GetRanges().GetRange() {
		spans = append(spans, span{s.Begin, s.End})
	}
	r.parts = &parts{spans: coalesce(spans), items: slices.Clone(p.GetSet().GetItem())}
	return r
}

func upgradedReservations(p *mesos.Resource) []mesos.Resource_ReservationInfo {
	if len(p.Reservations) > 0 || p.Role == nil || *p.Role == "*" {
		return p.Reservations
	}
	kind := mesos.Resource_ReservationInfo_STATIC
	info := mesos.Resource_ReservationInfo{Type: &kind, Role: p.Role}
	if p.Reservation != nil {
		dynamic := mesos.Resource_ReservationInfo_DYNAMIC
		info.Type = &dynamic
		info.Principal = p.Reservation.Principal
		info.Labels = p.Reservation.Labels
	}
	return []mesos.Resource_ReservationInfo{info}
}

// extraKey distinguishes volumes, revocable and provider resources, of which
// emulated agents have none.
func extraKey(p *mesos.Resource) string {
	if p.Disk == nil && p.Revocable == nil && p.Shared == nil && p.ProviderID == nil {
		return ""
	}
	special := mesos.Resource{Name: "x", Disk: p.Disk, Revocable: p.Revocable, Shared: p.Shared, ProviderID: p.ProviderID}
	return special.String()
}

func resourcesFromProto(list []mesos.Resource) []resource {
	out := make([]resource, len(list))
	for i := range list {
		out[i] = resourceFromProto(&list[i])
	}
	return out
}

// toProto converts a resource to the wire format of offers.
func (r *resource) toProto() mesos.Resource {
	// One allocation instead of four: an offer may list a hundred resources.
	fields := &struct {
		kind       mesos.Value_Type
		scalar     mesos.Value_Scalar
		allocation mesos.Resource_AllocationInfo
		role       string
	}{kind: r.kind, role: r.allocated}
	p := mesos.Resource{Name: r.name, Type: &fields.kind}
	switch r.kind {
	case mesos.SCALAR:
		fields.scalar.Value = r.scalar
		p.Scalar = &fields.scalar
	case mesos.RANGES:
		spans := r.spans()
		p.Ranges = &mesos.Value_Ranges{Range: make([]mesos.Value_Range, len(spans))}
		for i, s := range spans {
			p.Ranges.Range[i] = mesos.Value_Range{Begin: s.begin, End: s.end}
		}
	case mesos.SET:
		p.Set = &mesos.Value_Set{Item: r.items()}
	}
	if r.allocated != "" {
		fields.allocation.Role = &fields.role
		p.AllocationInfo = &fields.allocation
	}
	if r.reserved != nil {
		p.Reservations = r.reserved.list
	}
	return p
}

func (rs resources) toProto() []mesos.Resource {
	out := make([]mesos.Resource, len(rs))
	for i := range rs {
		out[i] = rs[i].toProto()
	}
	return out
}

// toEndpointProto converts rs to the format of the operator API's lists of
// agents and frameworks, where the old role and reservation fields are filled
// in beside the new ones for at most one layer of reservation.
func (rs resources) toEndpointProto() []mesos.Resource {
	out := rs.toProto()
	for i := range out {
		addOldFormat(&out[i])
	}
	return out
}

func addOldFormat(p *mesos.Resource) {
	switch len(p.Reservations) {
	case 0:
		star := "*"
		p.Role = &star
	case 1:
		only := p.Reservations[0]
		p.Role = only.Role
		if only.GetType() == mesos.Resource_ReservationInfo_DYNAMIC {
			p.Reservation = &mesos.Resource_ReservationInfo{Principal: only.Principal, Labels: only.Labels}
		}
	}
}
