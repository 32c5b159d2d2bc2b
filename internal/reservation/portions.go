package reservation

import (
	"slices"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

// without returns portions less those in gone, stack by stack.
func without(portions, gone []resources.Portion) []resources.Portion {
	rest := slices.Clone(portions)
	for _, g := range gone {
		for i := range rest {
			if rest[i].SameStack(g) {
				rest[i].Vector = rest[i].Vector.Sub(g.Vector)
			}
		}
	}
	return slices.DeleteFunc(rest, func(p resources.Portion) bool { return p.Vector.IsZero() })
}

// total sums amounts over all stacks. The result may share memory with them: it
// is only read.
func total(portions []resources.Portion) resources.Vector {
	if len(portions) == 1 {
		return portions[0].Vector
	}
	var sum resources.Vector
	for _, p := range portions {
		sum = sum.Add(p.Vector)
	}
	return sum
}

// pushed returns portions with a layer of ours on top.
func pushed(portions []resources.Portion, top resources.Layer) []resources.Portion {
	out := make([]resources.Portion, len(portions))
	for i, p := range portions {
		out[i] = p.Push(top, p.Vector)
	}
	return out
}

// with returns portions and more, added up under equal stacks as Mesos does.
func with(portions, more []resources.Portion) []resources.Portion {
	sum := slices.Clone(portions)
	for _, p := range more {
		if i := slices.IndexFunc(sum, p.SameStack); i >= 0 {
			sum[i].Vector = sum[i].Vector.Add(p.Vector)
		} else {
			sum = append(sum, p)
		}
	}
	return sum
}
