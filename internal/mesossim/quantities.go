package mesossim

import (
	"slices"
	"strings"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

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
