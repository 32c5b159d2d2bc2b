package mesossim

import (
	"slices"
	"strings"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

// operator or framework that asks for a RESERVE.
type reserver struct {
	principal *string
	roles     []string // of the framework
	operator  bool
}

// validateFormat follows validateAndUpgradeResources: the checks that an
// operation must pass before it is looked at any further.
func validateFormat(op *mesos.Offer_Operation) error {
	switch op.Type {
	case mesos.Offer_Operation_RESERVE:
		if op.Reserve == nil {
			return textf("A RESERVE offer operation must have the Offer.Operation.reserve field set.")
		}
		if err := validateResources(op.Reserve.Resources); err != nil {
			return err
		}
		return validateResources(op.Reserve.Source)
	case mesos.Offer_Operation_UNRESERVE:
		if op.Unreserve == nil {
			return textf("An UNRESERVE offer operation must have the Offer.Operation.unreserve field set.")
		}
		return validateResources(op.Unreserve.Resources)
	case mesos.Offer_Operation_LAUNCH:
		if op.Launch == nil {
			return textf("A LAUNCH offer operation must have the Offer.Operation.launch field set.")
		}
		for i := range op.Launch.TaskInfos {
			if err := validateResources(op.Launch.TaskInfos[i].Resources); err != nil {
				return err
			}
		}
		return nil
	case mesos.Offer_Operation_UNKNOWN:
		return textf("Unknown offer operation")
	}
	return textf("%s operations are not supported by this emulator", op.Type)
}

// validateReserve follows validation::operation::validate(Reserve).
func validateReserve(reserve *mesos.Offer_Operation_Reserve, targets []resource, by reserver) error {
	if err := validateGpus(targets); err != nil {
		return prefixed("Invalid resources: ", err)
	}
	if err := validateSource(reserve, targets); err != nil {
		return err
	}
	if len(targets) == 0 {
		return textf("Invalid resources: The resources have multiple resource providers: ")
	}
	for i := range targets {
		r := &targets[i]
		if !r.isDynamicallyReserved() {
			return textf("Resource %s is not dynamically reserved", r)
		}
		if err := validateReservationPrincipal(r, by); err != nil {
			return err
		}
		if err := validateReservationRole(r, by); err != nil {
			return err
		}
	}
	return nil
}

func validateGpus(list []resource) error {
	for _, r := range list {
		if r.name == "gpus" && toFixed(r.scalar)%1000 != 0 {
			return textf("Invalid 'gpus' resource: The 'gpus' resource must be an unsigned integer")
		}
	}
	return nil
}

func validateSource(reserve *mesos.Offer_Operation_Reserve, targets []resource) error {
	if len(reserve.Source) == 0 {
		return nil
	}
	source := resourcesFromProto(reserve.Source)
	if err := validateUniform(source); err != nil {
		return prefixed("Invalid source: ", err)
	}
	if err := validateUniform(targets); err != nil {
		return prefixed("Invalid resources: ", err)
	}
	from, to := unreserved(source), unreserved(targets)
	if !from.equal(to) {
		return textf("Source and target resources should refer to identical resource quantities: %s vs. %s", from, to)
	}
	return nil
}

// validateUniform wants all resources to carry the same reservations.
func validateUniform(list []resource) error {
	if len(list) == 0 {
		return textf("Resource cannot be empty")
	}
	for i := range list {
		if !list[i].reserved.equal(list[0].reserved) {
			return textf("Mixed reservations are not supported")
		}
	}
	return nil
}

func unreserved(list []resource) resources {
	out := make(resources, 0, len(list))
	for i := range list {
		r := list[i]
		r.reserved = nil
		out.add(&r)
	}
	return out
}

func validateReservationPrincipal(r *resource, by reserver) error {
	if by.principal == nil {
		return nil
	}
	set := r.reserved.top().Principal
	if set == nil {
		return textf("A reserve operation was attempted by principal '%s', but there is a reserved resource in the request with no principal set", *by.principal)
	}
	if *set != *by.principal {
		return textf("A reserve operation was attempted by authenticated principal '%s', which does not match a reserved resource in the request with principal '%s'", *by.principal, *set)
	}
	return nil
}

func validateReservationRole(r *resource, by reserver) error {
	if by.operator {
		if r.allocated != "" {
			return textf("A reserve operation was attempted with an allocated resource, but the operator API only allows reservations to be made to unallocated resources")
		}
		return nil
	}
	role := r.reservationRole()
	if r.allocated != role {
		return textf("A reserve operation was attempted for a resource with role '%s', but the resource was allocated to role '%s'", role, r.allocated)
	}
	if !slices.Contains(by.roles, role) {
		return textf("A reserve operation was attempted for a resource allocated to role '%s', but the framework only has roles '%s'", role, formatSet(by.roles))
	}
	return nil
}

// validateUnreserve follows validation::operation::validate(Unreserve).
func validateUnreserve(targets []resource) error {
	if len(targets) == 0 {
		return textf("Invalid resources: The resources have multiple resource providers: ")
	}
	for i := range targets {
		if !targets[i].isDynamicallyReserved() {
			return textf("Resource %s is not dynamically reserved", &targets[i])
		}
		if strings.Contains(targets[i].extra, "persistence") {
			return textf("A dynamically reserved persistent volume %s cannot be unreserved directly. Please destroy the persistent volume first then unreserve the resource", &targets[i])
		}
	}
	return nil
}
