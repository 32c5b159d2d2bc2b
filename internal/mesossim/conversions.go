package mesossim

import (
	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

// conversion turns some resources of an agent into others of equal amount.
type conversion struct{ consumed, converted resources }

// operationTarget returns the resources an operation makes (RESERVE) or takes
// back (UNRESERVE), with role as their allocation where none is given. An empty
// role, as for operators, marks nothing.
func operationTarget(op *mesos.Offer_Operation, role string) []resource {
	var list []resource
	switch op.Type {
	case mesos.Offer_Operation_RESERVE:
		list = resourcesFromProto(op.Reserve.Resources)
	case mesos.Offer_Operation_UNRESERVE:
		list = resourcesFromProto(op.Unreserve.Resources)
	}
	for i := range list {
		if list[i].allocated == "" {
			list[i].allocated = role
		}
	}
	return list
}

// conversions follows getResourceConversions (src/common/resources_utils.cpp):
// a RESERVE is one step, an UNRESERVE one step per resource. list is the
// operation's target.
func conversions(op *mesos.Offer_Operation, list []resource) []conversion {
	if op.Type == mesos.Offer_Operation_RESERVE {
		reserved := newResources(list)
		consumed := popped(reserved)
		if len(op.Reserve.Source) > 0 {
			consumed = newResources(resourcesFromProto(op.Reserve.Source))
		}
		return []conversion{{consumed, reserved}}
	}
	steps := make([]conversion, 0, len(list))
	for i := range list {
		reserved := newResources(list[i : i+1])
		steps = append(steps, conversion{reserved, popped(reserved)})
	}
	return steps
}

// popped returns rs without the innermost reservation of each element.
func popped(rs resources) resources {
	out := make(resources, 0, len(rs))
	for i := range rs {
		r := rs[i]
		r.reserved = r.reserved.pop()
		out.add(&r)
	}
	return out
}

// convert applies steps in order to rs, in place: it is done to an agent's whole
// list for each operation. When one fails rs stays as it was; the error is the
// master's text.
func (rs *resources) convert(steps []conversion) error {
	out := *rs
	if len(steps) > 1 {
		out = rs.clone(len(steps)) // a step may fail after others
	}
	for _, step := range steps {
		if !out.contains(step.consumed) {
			return textf("%s does not contain %s", out, step.consumed)
		}
		out.subAll(step.consumed)
		out.addAll(step.converted)
	}
	*rs = out
	return nil
}

// unallocated returns the steps without the mark of the role they are
// allocated to, for an agent's total.
func unallocated(steps []conversion) []conversion {
	out := make([]conversion, len(steps))
	for i, step := range steps {
		out[i] = conversion{step.consumed.allocate(""), step.converted.allocate("")}
	}
	return out
}

// convertsNothing reports whether all resources of steps are empty. The real
// master dies of such an operation (16b).
func convertsNothing(steps []conversion) bool {
	for _, step := range steps {
		if len(step.consumed) > 0 || len(step.converted) > 0 {
			return false
		}
	}
	return true
}
