package mesossim

import (
	"slices"
	"strings"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

// resources is a collection in which no two elements are like each other. The
// order is that of the real master's collection, because it shows in offers and
// in error texts: added ones go to the end, a removed one is replaced by the
// last. Methods that change it work in place and have a pointer as receiver; plus
// and minus return copies.
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

// addAll and subAll are plus and minus in place.
func (rs *resources) addAll(other resources) {
	if len(*rs) == 0 {
		*rs = append(*rs, other...) // no two of them are like each other
		return
	}
	for i := range other {
		rs.add(&other[i])
	}
}

func (rs *resources) subAll(other resources) {
	for i := range other {
		rs.sub(&other[i])
	}
}

func (rs resources) plus(other resources) resources {
	out := rs.clone(len(other))
	out.addAll(other)
	return out
}

func (rs resources) minus(other resources) resources {
	out := rs.clone(0)
	out.subAll(other)
	return out
}

// clone returns a copy with room for more elements.
func (rs resources) clone(more int) resources {
	return append(make(resources, 0, len(rs)+more), rs...)
}

// contains reports whether other could be taken from rs. No two elements of
// other are like each other, so each can be looked up for itself.
func (rs resources) contains(other resources) bool {
	for i := range other {
		if !rs.covers(&other[i]) {
			return false
		}
	}
	return true
}

// covers reports whether an element of rs is like r and not less.
func (rs resources) covers(r *resource) bool {
	for i := range rs {
		if rs[i].covers(r) {
			return true
		}
	}
	return false
}

func (rs resources) equal(other resources) bool {
	return rs.contains(other) && other.contains(rs)
}

// filter returns the elements that are to be kept. These are often all, so it
// may return rs itself: the result must not be changed.
func (rs resources) filter(keep func(*resource) bool) resources {
	kept := 0
	for kept < len(rs) && keep(&rs[kept]) {
		kept++
	}
	if kept == len(rs) {
		return rs
	}
	out := slices.Clone(rs[:kept])
	for i := kept + 1; i < len(rs); i++ {
		if keep(&rs[i]) {
			out = append(out, rs[i])
		}
	}
	return out
}

// allocate returns rs marked as allocated to role; "" removes the mark.
func (rs resources) allocate(role string) resources {
	if role == "" && !rs.allocatedAlike() {
		out := make(resources, 0, len(rs))
		for i := range rs {
			r := rs[i]
			r.allocated = ""
			out.add(&r)
		}
		return out
	}
	out := rs.clone(0)
	for i := range out {
		out[i].allocated = role
	}
	return out
}

// allocatedAlike reports whether all elements carry the same mark: without it
// no two of them are like each other either.
func (rs resources) allocatedAlike() bool {
	for i := range rs {
		if rs[i].allocated != rs[0].allocated {
			return false
		}
	}
	return true
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
