package mesossim

import (
	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

// validateResources follows Resources::validate (src/common/resources.cpp).
func validateResources(list []mesos.Resource) error {
	for i := range list {
		if err := validateResource(&list[i]); err != nil {
			return textf("Resource '%s' is invalid: %s", formatProto(&list[i]), err)
		}
	}
	return nil
}

// formatProto prints a resource that may be invalid.
func formatProto(p *mesos.Resource) string {
	r := resourceFromProto(p)
	r.reserved = newReservations(p.Reservations)
	return r.String()
}

func validateResource(p *mesos.Resource) error {
	if p.Name == "" {
		return textf("Empty resource name")
	}
	if err := validateResourceValue(p); err != nil {
		return err
	}
	if p.Disk != nil && p.Name != "disk" {
		return textf("DiskInfo should not be set for %s resource", p.Name)
	}
	if len(p.Reservations) == 0 {
		return validateOldReservation(p)
	}
	if err := validateReservations(p.Reservations); err != nil {
		return err
	}
	return validateMixedFormat(p)
}

func validateResourceValue(p *mesos.Resource) error {
	switch p.GetType() {
	case mesos.SCALAR:
		if p.Scalar == nil || p.Ranges != nil || p.Set != nil {
			return textf("Invalid scalar resource")
		}
		if p.Scalar.Value != 0 && toFixed(p.Scalar.Value) <= 0 {
			return textf("Invalid scalar resource: value <= 0")
		}
	case mesos.RANGES:
		if p.Scalar != nil || p.Ranges == nil || p.Set != nil {
			return textf("Invalid ranges resource")
		}
		return validateRanges(p.Ranges.Range)
	case mesos.SET:
		if p.Scalar != nil || p.Ranges != nil || p.Set == nil {
			return textf("Invalid set resource")
		}
		seen := map[string]bool{}
		for _, item := range p.Set.Item {
			if seen[item] {
				return textf("Invalid set resource: duplicated elements")
			}
			seen[item] = true
		}
	default:
		return textf("Unsupported resource type")
	}
	return nil
}

func validateRanges(ranges []mesos.Value_Range) error {
	for i, r := range ranges {
		if r.Begin > r.End {
			return textf("Invalid ranges resource: begin > end")
		}
		for _, later := range ranges[i+1:] {
			if r.Begin <= later.Begin && later.Begin <= r.End {
				return textf("Invalid ranges resource: overlapping ranges")
			}
		}
	}
	return nil
}

func validateOldReservation(p *mesos.Resource) error {
	role := "*"
	if p.Role != nil {
		role = *p.Role
	}
	if err := validateRole(role); err != nil {
		return err
	}
	switch {
	case p.Reservation == nil:
		return nil
	case p.Reservation.Type != nil:
		return textf("'Resource.ReservationInfo.type' must not be set for the 'Resource.reservation' field")
	case p.Reservation.Role != nil:
		return textf("'Resource.ReservationInfo.role' must not be set for the 'Resource.reservation' field")
	case role == "*":
		return textf("Invalid reservation: role \"*\" cannot be dynamically reserved")
	}
	return nil
}

func validateReservations(list []mesos.Resource_ReservationInfo) error {
	for _, r := range list {
		if r.Type == nil {
			return textf("Invalid reservation: 'Resource.ReservationInfo.type' field must be set.")
		}
		if r.Role == nil {
			return textf("Invalid reservation: 'Resource.ReservationInfo.role' field must be set.")
		}
		if err := validateRole(*r.Role); err != nil {
			return err
		}
		if *r.Role == "*" {
			return textf("Invalid reservation: role \"*\" cannot be reserved")
		}
	}
	ancestor := list[0].GetRole()
	for _, r := range list[1:] {
		if r.GetType() == mesos.Resource_ReservationInfo_STATIC {
			return textf("Invalid refined reservation: A refined reservation cannot be STATIC")
		}
		if !isSubrole(r.GetRole(), ancestor) {
			return textf("Invalid refined reservation: role '%s' is not a refinement of '%s'", r.GetRole(), ancestor)
		}
		ancestor = r.GetRole()
	}
	return nil
}

func validateMixedFormat(p *mesos.Resource) error {
	if len(p.Reservations) > 1 {
		if p.Role != nil {
			return textf("Invalid resource format: 'Resource.role' must not be set if there is more than one reservation in 'Resource.reservations'")
		}
		if p.Reservation != nil {
			return textf("Invalid resource format: 'Resource.reservation' must not be set if there is more than one reservation in 'Resource.reservations'")
		}
		return nil
	}
	only := p.Reservations[0]
	if p.Role != nil && *p.Role != only.GetRole() {
		return textf("Invalid resource format: 'Resource.role' field with '%s' does not match the role '%s' in 'Resource.reservations'", *p.Role, only.GetRole())
	}
	switch only.GetType() {
	case mesos.Resource_ReservationInfo_STATIC:
		if p.Reservation != nil {
			return textf("Invalid resource format: 'Resource.reservation' must not be set if the single reservation in 'Resource.reservations' is STATIC")
		}
	case mesos.Resource_ReservationInfo_DYNAMIC:
		if (p.Role != nil) != (p.Reservation != nil) {
			return textf("Invalid resource format: 'Resource.role' and 'Resource.reservation' must either be both set or both not set if the single reservation in 'Resource.reservations' is DYNAMIC")
		}
	default:
		return textf("Unsupported 'Resource.ReservationInfo.Type'")
	}
	return nil
}
