package mesossim

import (
	"slices"
	"strings"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

// resources is a collection in which no two elements are like each other. The
// order is that of the real master's collection, because it shows in offers and
// in error texts: added ones go to the end, a removed one is replaced by the
// last. Methods that change it work in place; plus and minus return copies.
type resources []resource

// newResources joins like elements of list and drops empty ones.
func newResources(list []resource) resources {
	out := make(resources, 0, len(list))
	for i := range list {
		out.add(&list[i])
	}
	return out
}

func (rs *resources) add(r *resource) {
	if r.isEmpty() {
		return
	}
	for i := range *rs {
		if (*rs)[i].like(r) {
			(*rs)[i].add(r)
			return
		}
	}
	*rs = append(*rs, *r)
}

func (rs *resources) sub(r *resource) {
	if r.isEmpty() {
		return
	}
	list := *rs
	for i := range list {
		if !list[i].like(r) {
			continue
		}
		list[i].sub(r)
		if list[i].isEmpty() || (list[i].kind == mesos.SCALAR && list[i].scalar < 0) {
			list[i] = list[len(list)-1]
			*rs = list[:len(list)-1]
		}
		return
	}
}

func (rs resources) plus(other resources) resources {
	out := slices.Clone(rs)
	for i := range other {
		out.add(&other[i])
	}
	return out
}

func (rs resources) minus(other resources) resources {
	out := slices.Clone(rs)
	for i := range other {
		out.sub(&other[i])
	}
	return out
}

// contains reports whether other could be taken from rs.
func (rs resources) contains(other resources) bool {
	if len(other) == 1 {
		return slices.ContainsFunc(rs, func(r resource) bool { return r.covers(&other[0]) })
	}
	rest := slices.Clone(rs)
	for i := range other {
		if !slices.ContainsFunc(rest, func(r resource) bool { return r.covers(&other[i]) }) {
			return false
		}
		rest.sub(&other[i])
	}
	return true
}

func (rs resources) equal(other resources) bool {
	return rs.contains(other) && other.contains(rs)
}

func (rs resources) filter(keep func(*resource) bool) resources {
	var out resources
	for i := range rs {
		if keep(&rs[i]) {
			out = append(out, rs[i])
		}
	}
	return out
}

// allocate returns rs marked as allocated to role; "" removes the mark.
func (rs resources) allocate(role string) resources {
	if role == "" {
		out := make(resources, 0, len(rs))
		for i := range rs {
			r := rs[i]
			r.allocated = ""
			out.add(&r)
		}
		return out
	}
	out := slices.Clone(rs)
	for i := range out {
		out[i].allocated = role
	}
	return out
}

// allocatableTo returns the elements that may be offered to role.
func (rs resources) allocatableTo(role string) resources {
	return rs.filter(func(r *resource) bool { return r.allocatableTo(role) })
}

// reservedOnly returns the elements that are reserved to anybody.
func (rs resources) reservedOnly() resources {
	return rs.filter(func(r *resource) bool { return r.reserved != nil })
}

// byAllocation splits rs by the role that its elements are allocated to.
func (rs resources) byAllocation() map[string]resources {
	out := map[string]resources{}
	for i := range rs {
		out[rs[i].allocated] = append(out[rs[i].allocated], rs[i])
	}
	return out
}

// String prints the collection as Mesos does in its error texts.
func (rs resources) String() string {
	if len(rs) == 0 {
		return "{}"
	}
	parts := make([]string, len(rs))
	for i := range rs {
		parts[i] = rs[i].String()
	}
	return strings.Join(parts, "; ")
}

// sum is a running total of resources. Beyond mostSummed kinds it is given up:
// who asks then adds up what there is.
type sum struct {
	total resources
	lost  bool
}

const mostSummed = 64

func (s *sum) add(rs resources) {
	if s.lost = s.lost || len(s.total)+len(rs) > mostSummed; s.lost {
		s.total = nil
		return
	}
	for i := range rs {
		s.total.add(&rs[i])
	}
}

func (s *sum) sub(rs resources) {
	for i := range rs {
		s.total.sub(&rs[i])
	}
}

// quantities are amounts of scalar resources in thousandths by name.
type quantities map[string]int64

// scalarQuantities sums the scalar elements by name.
func (rs resources) scalarQuantities() quantities {
	out := quantities{}
	out.addResources(rs, 1)
	return out
}

// addResources adds the scalars of rs, times sign, to q.
func (q quantities) addResources(rs resources, sign int64) {
	for i := range rs {
		if rs[i].kind == mesos.SCALAR {
			q[rs[i].name] += sign * toFixed(rs[i].scalar)
		}
	}
}

// covers reports whether q holds at least min of everything in min.
func (q quantities) covers(min quantities) bool {
	for name, amount := range min {
		if q[name] < amount {
			return false
		}
	}
	return true
}

// positive returns the amounts above zero.
func (q quantities) positive() quantities {
	out := quantities{}
	for name, amount := range q {
		if amount > 0 {
			out[name] = amount
		}
	}
	return out
}

// minusQ returns q minus other, without what would be zero or less.
func (q quantities) minusQ(other quantities) quantities {
	out := quantities{}
	for name, amount := range q {
		if rest := amount - other[name]; rest > 0 {
			out[name] = rest
		}
	}
	return out
}

// addQ adds other, times sign, to q.
func (q quantities) addQ(other quantities, sign int64) {
	for name, amount := range other {
		q[name] += sign * amount
	}
}

// String prints the amounts by name, as Mesos does for quantities.
func (q quantities) String() string {
	names := make([]string, 0, len(q))
	for name := range q {
		names = append(names, name)
	}
	slices.Sort(names)
	for i, name := range names {
		names[i] = name + ":" + formatScalar(fromFixed(q[name]))
	}
	return strings.Join(names, "; ")
}
