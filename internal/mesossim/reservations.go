package mesossim

import (
	"slices"
	"strconv"
	"strings"
	"unique"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

// reservations is the stack of reservations of a resource, outermost role
// first. It is immutable and shared between resources.
type reservations struct {
	list []mesos.Resource_ReservationInfo
	// key is equal for equal stacks; labels are compared without order. A handle
	// is compared by address, and resources are compared very often.
	key unique.Handle[string]
}

// newReservations returns the immutable stack for list, or nil for none.
func newReservations(list []mesos.Resource_ReservationInfo) *reservations {
	if len(list) == 0 {
		return nil
	}
	key := make([]byte, 0, 512)
	for i := range list {
		key = appendReservationKey(key, &list[i])
	}
	return &reservations{list: list, key: unique.Make(string(key))}
}

// appendReservationKey writes a reservation so that equal ones, whatever the
// order of their labels, and no others give the same bytes.
func appendReservationKey(key []byte, r *mesos.Resource_ReservationInfo) []byte {
	key = strconv.AppendInt(key, int64(r.GetType()), 10)
	key = appendSized(appendSized(key, r.Role), r.Principal)
	if r.Labels == nil {
		return append(key, '|')
	}
	labels := r.Labels.Labels
	if !slices.IsSortedFunc(labels, compareLabels) {
		labels = slices.SortedFunc(slices.Values(labels), compareLabels)
	}
	key = append(key, '{')
	for i := range labels {
		key = appendSized(appendSized(key, &labels[i].Key), labels[i].Value)
	}
	return append(key, "}|"...)
}

// compareLabels is an order in which only equal labels are level: by key, then
// by value, those without a value first.
func compareLabels(a, b mesos.Label) int {
	if c := strings.Compare(a.Key, b.Key); c != 0 {
		return c
	}
	switch {
	case a.Value == nil && b.Value == nil:
		return 0
	case a.Value == nil:
		return -1
	case b.Value == nil:
		return 1
	}
	return strings.Compare(*a.Value, *b.Value)
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
