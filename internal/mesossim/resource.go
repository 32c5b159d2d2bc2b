package mesossim

import (
	"slices"
	"strconv"
	"strings"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

// reservations is the stack of reservations of a resource, outermost role
// first. It is immutable and shared between resources.
type reservations struct {
	list []mesos.Resource_ReservationInfo
	key  string // equal for equal stacks; labels are compared without order
}

// resource is one portion of an agent. It is a value: slices in it are never
// changed in place.
type resource struct {
	name   string
	kind   mesos.Value_Type
	scalar float64
	spans  []span
	items  []string

	reserved  *reservations // nil when unreserved
	allocated string        // role it is offered or allocated to, "" when neither
	extra     string        // serialized disk, revocable, shared and provider parts
}

// newReservations returns the immutable stack for list, or nil for none.
func newReservations(list []mesos.Resource_ReservationInfo) *reservations {
	if len(list) == 0 {
		return nil
	}
	var key []byte
	for i := range list {
		key = appendReservationKey(key, &list[i])
	}
	return &reservations{list: list, key: string(key)}
}

// appendReservationKey writes a reservation so that equal ones, whatever the
// order of their labels, and no others give the same bytes.
func appendReservationKey(key []byte, r *mesos.Resource_ReservationInfo) []byte {
	key = strconv.AppendInt(key, int64(r.GetType()), 10)
	key = appendSized(appendSized(key, r.Role), r.Principal)
	if r.Labels == nil {
		return append(key, '|')
	}
	labels := make([]string, len(r.Labels.Labels))
	var label []byte
	for i := range r.Labels.Labels {
		l := &r.Labels.Labels[i]
		label = appendSized(appendSized(label[:0], &l.Key), l.Value)
		labels[i] = string(label)
	}
	slices.Sort(labels)
	key = append(key, '{')
	for _, l := range labels {
		key = append(key, l...)
	}
	return append(key, "}|"...)
}

// appendSized writes a text behind its size, so that where it ends is certain.
func appendSized(key []byte, s *string) []byte {
	if s == nil {
		return append(key, '-')
	}
	return append(append(strconv.AppendInt(key, int64(len(*s)), 10), ':'), *s...)
}

func (r *reservations) equal(other *reservations) bool {
	if r == nil || other == nil {
		return r == other
	}
	return r == other || r.key == other.key
}

// pop returns the stack without its innermost reservation.
func (r *reservations) pop() *reservations {
	return newReservations(r.list[:len(r.list)-1])
}

// top returns the innermost reservation; r is not nil.
func (r *reservations) top() *mesos.Resource_ReservationInfo {
	return &r.list[len(r.list)-1]
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
	return r.name == other.name && r.kind == other.kind &&
		r.allocated == other.allocated && r.extra == other.extra &&
		r.reserved.equal(other.reserved)
}

func (r *resource) isEmpty() bool {
	switch r.kind {
	case mesos.SCALAR:
		return toFixed(r.scalar) == 0
	case mesos.RANGES:
		return len(r.spans) == 0
	case mesos.SET:
		return len(r.items) == 0
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
		return spansContain(r.spans, other.spans)
	case mesos.SET:
		for _, item := range other.items {
			if !slices.Contains(r.items, item) {
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
		r.spans = addSpans(r.spans, other.spans)
	case mesos.SET:
		items := slices.Clone(r.items)
		for _, item := range other.items {
			if !slices.Contains(items, item) {
				items = append(items, item)
			}
		}
		r.items = items
	}
}

// sub takes other, which is like r, from r.
func (r *resource) sub(other *resource) {
	switch r.kind {
	case mesos.SCALAR:
		r.scalar = fromFixed(toFixed(r.scalar) - toFixed(other.scalar))
	case mesos.RANGES:
		r.spans = subSpans(r.spans, other.spans)
	case mesos.SET:
		r.items = slices.DeleteFunc(slices.Clone(r.items), func(item string) bool {
			return slices.Contains(other.items, item)
		})
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
		b.WriteString(formatSpans(r.spans))
	case mesos.SET:
		b.WriteString("{" + strings.Join(r.items, ", ") + "}")
	}
	return b.String()
}

func formatReservation(r *mesos.Resource_ReservationInfo) string {
	s := r.GetType().String() + "," + r.GetRole()
	if r.Principal != nil {
		s += "," + *r.Principal
	}
	if r.Labels != nil {
		labels := make([]string, len(r.Labels.Labels))
		for i, l := range r.Labels.Labels {
			labels[i] = l.Key
			if l.Value != nil {
				labels[i] += ": " + *l.Value
			}
		}
		s += ",{" + strings.Join(labels, ", ") + "}"
	}
	return s
}
