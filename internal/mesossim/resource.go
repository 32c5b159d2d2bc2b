package mesossim

import (
	"slices"
	"strings"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

// resource is one portion of an agent. It is a value, and a small one, for lists
// of resources are copied all the time.
type resource struct {
	name   string
	kind   mesos.Value_Type
	scalar float64
	parts  *parts // nil for a SCALAR

	reserved  *reservations // nil when unreserved
	allocated string        // role it is offered or allocated to, "" when neither
	extra     string        // serialized disk, revocable, shared and provider parts
}

// parts is the value of a RANGES or SET resource. It is immutable.
type parts struct {
	spans []span
	items []string
}

func (r *resource) spans() []span {
	if r.parts == nil {
		return nil
	}
	return r.parts.spans
}

func (r *resource) items() []string {
	if r.parts == nil {
		return nil
	}
	return r.parts.items
}

// reservationRole is the role that holds the resource, "*" when unreserved.
func (r *resource) reservationRole() string {
	if r.reserved == nil {
		return "*"
	}
	return r.reserved.top().GetRole()
}

func (r *resource) isDynamicallyReserved() bool {
	return r.reserved != nil &&
		r.reserved.top().GetType() == mesos.Resource_ReservationInfo_DYNAMIC
}

// allocatableTo reports whether the resource may be offered to role: it is
// unreserved, or reserved to role or one of its ancestors.
func (r *resource) allocatableTo(role string) bool {
	held := r.reservationRole()
	return held == "*" || held == role || isSubrole(role, held)
}

// isSubrole reports whether role lies strictly below ancestor.
func isSubrole(role, ancestor string) bool {
	return len(role) > len(ancestor) && role[len(ancestor)] == '/' && role[:len(ancestor)] == ancestor
}

// like reports whether a and b differ in quantity only.
func (r *resource) like(other *resource) bool {
	return r.kind == other.kind && r.reserved.equal(other.reserved) && r.name == other.name &&
		r.allocated == other.allocated && r.extra == other.extra
}

func (r *resource) isEmpty() bool {
	switch r.kind {
	case mesos.SCALAR:
		return toFixed(r.scalar) == 0
	case mesos.RANGES:
		return len(r.spans()) == 0
	case mesos.SET:
		return len(r.items()) == 0
	}
	return false
}

// covers reports whether other is like r and not more than r.
func (r *resource) covers(other *resource) bool {
	if !r.like(other) {
		return false
	}
	switch r.kind {
	case mesos.SCALAR:
		return toFixed(other.scalar) <= toFixed(r.scalar)
	case mesos.RANGES:
		return spansContain(r.spans(), other.spans())
	case mesos.SET:
		for _, item := range other.items() {
			if !slices.Contains(r.items(), item) {
				return false
			}
		}
		return true
	}
	return false
}

// add joins other, which is like r, into r.
func (r *resource) add(other *resource) {
	switch r.kind {
	case mesos.SCALAR:
		r.scalar = fromFixed(toFixed(r.scalar) + toFixed(other.scalar))
	case mesos.RANGES:
		r.parts = &parts{spans: addSpans(r.spans(), other.spans())}
	case mesos.SET:
		items := slices.Clone(r.items())
		for _, item := range other.items() {
			if !slices.Contains(items, item) {
				items = append(items, item)
			}
		}
		r.parts = &parts{items: items}
	}
}

// sub takes other, which is like r, from r.
func (r *resource) sub(other *resource) {
	switch r.kind {
	case mesos.SCALAR:
		r.scalar = fromFixed(toFixed(r.scalar) - toFixed(other.scalar))
	case mesos.RANGES:
		r.parts = &parts{spans: subSpans(r.spans(), other.spans())}
	case mesos.SET:
		r.parts = &parts{items: slices.DeleteFunc(slices.Clone(r.items()), func(item string) bool {
			return slices.Contains(other.items(), item)
		})}
	}
}

// String prints the resource as Mesos does in its error texts.
func (r *resource) String() string {
	var b strings.Builder
	b.WriteString(r.name)
	if r.allocated != "" {
		b.WriteString("(allocated: " + r.allocated + ")")
	}
	if r.reserved != nil {
		b.WriteString("(reservations: [")
		for i := range r.reserved.list {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString("(" + formatReservation(&r.reserved.list[i]) + ")")
		}
		b.WriteString("])")
	}
	b.WriteByte(':')
	switch r.kind {
	case mesos.SCALAR:
		b.WriteString(formatScalar(r.scalar))
	case mesos.RANGES:
		b.WriteString(formatSpans(r.spans()))
	case mesos.SET:
		b.WriteString("{" + strings.Join(r.items(), ", ") + "}")
	}
	return b.String()
}
