package resources

import (
	"fmt"
	"slices"
	"strings"
)

// Range is an inclusive range of host ports, Begin <= End.
type Range struct{ Begin, End uint64 }

// Ranges is a set of ports: sorted, disjoint, no two adjacent. Build one with
// NewRanges; the methods keep the form and never share memory.
type Ranges []Range

// NewRanges returns the union of the given ranges in normal form. Ranges with
// Begin > End are empty and left out.
func NewRanges(ranges ...Range) Ranges {
	in := slices.Clone(ranges)
	in = slices.DeleteFunc(in, func(r Range) bool { return r.Begin > r.End })
	slices.SortFunc(in, func(a, b Range) int {
		if a.Begin < b.Begin {
			return -1
		}
		if a.Begin > b.Begin {
			return 1
		}
		return 0
	})
	var out Ranges
	for _, r := range in {
		// r.Begin-1 cannot underflow: a range before it exists, so Begin > 0
		// or the two start at the same port.
		if n := len(out); n > 0 && (r.Begin <= out[n-1].End || r.Begin-1 == out[n-1].End) {
			out[n-1].End = max(out[n-1].End, r.End)
			continue
		}
		out = append(out, r)
	}
	return out
}

// Union returns the ports in r or o.
func (r Ranges) Union(o Ranges) Ranges {
	switch {
	case len(r)+len(o) == 0:
		return nil
	case len(o) == 0:
		return slices.Clone(r)
	case len(r) == 0:
		return slices.Clone(o)
	}
	return NewRanges(slices.Concat(r, o)...)
}

// Minus returns the ports in r that are not in o.
func (r Ranges) Minus(o Ranges) Ranges {
	var out Ranges
	for _, keep := range r {
		begin, empty := keep.Begin, false
		for _, cut := range o {
			if cut.End < begin || cut.Begin > keep.End {
				continue
			}
			if cut.Begin > begin {
				out = append(out, Range{begin, cut.Begin - 1})
			}
			if cut.End >= keep.End {
				empty = true
				break
			}
			begin = cut.End + 1
		}
		if !empty {
			out = append(out, Range{begin, keep.End})
		}
	}
	return out
}

// Intersect returns the ports in both r and o.
func (r Ranges) Intersect(o Ranges) Ranges { return r.Minus(r.Minus(o)) }

// Contains reports whether every port of o is in r.
func (r Ranges) Contains(o Ranges) bool {
	i := 0
	for _, want := range o {
		for i < len(r) && r[i].End < want.Begin {
			i++
		}
		if i == len(r) || r[i].Begin > want.Begin || r[i].End < want.End {
			return false
		}
	}
	return true
}

// Count returns the number of ports in r.
func (r Ranges) Count() uint64 {
	var n uint64
	for _, x := range r {
		n += x.End - x.Begin + 1
	}
	return n
}

// String renders r in Mesos' text form, [31000-31001,31005-31005].
func (r Ranges) String() string {
	parts := make([]string, len(r))
	for i, x := range r {
		parts[i] = fmt.Sprintf("%d-%d", x.Begin, x.End)
	}
	return "[" + strings.Join(parts, ",") + "]"
}
