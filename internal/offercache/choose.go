package offercache

import (
	"math/bits"
	"slices"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

// maxExact is the number of offers up to which every choice is tried. More
// than a handful per agent and role do not occur unless the role's framework
// is offered fragments for a long time.
const maxExact = 6

// piece is a part of an offer that can be unreserved.
type piece struct {
	offer   *held
	release int // index of the release it belongs to
	resources.Portion
}

type pieces []piece

// find looks for the releases in the offers. A portion that only partly is
// there yields what is there. Portions without a dynamic reservation on top
// cannot be unreserved and yield nothing.
func find(offers []*held, releases []Release) pieces {
	var found pieces
	left := make(map[*resources.Portion]resources.Vector)
	for i := range releases {
		for _, want := range releases[i].Portions {
			found = append(found, findOne(offers, i, want, left)...)
		}
	}
	return found
}

// findOne looks for one portion. left is what earlier ones have left over of
// those portions that they took from.
func findOne(offers []*held, release int, want resources.Portion, left map[*resources.Portion]resources.Vector) pieces {
	if top, reserved := want.Top(); !reserved || !top.Dynamic {
		return nil
	}
	var found pieces
	missing := want.Vector
	for _, h := range offers {
		for j := range h.offer.Portions {
			p := &h.offer.Portions[j]
			if missing.IsZero() || !p.SameStack(want) {
				continue
			}
			have, taken := left[p]
			if !taken {
				have = p.Vector
			}
			part := have.Min(missing)
			if part.IsZero() {
				continue
			}
			left[p], missing = have.Sub(part), missing.Sub(part)
			found = append(found, piece{h, release, resources.Portion{Layers: p.Layers, Vector: part}})
		}
	}
	return found
}

// popped returns the pieces as they are once UNRESERVE has removed the top of
// their stacks.
func (ps pieces) popped() []resources.Portion {
	out := make([]resources.Portion, len(ps))
	for i, p := range ps {
		out[i] = p.Pop()
	}
	return out
}

// fewest returns the smallest set of offers that holds every piece and covers
// need, of several the one of the smallest offers, so that large ones stay in
// hand. The caller knows that all offers together cover need.
func fewest(offers []*held, must pieces, need resources.Vector) []*held {
	var chosen, others []*held
	for _, h := range offers {
		if slices.ContainsFunc(must, func(p piece) bool { return p.offer == h }) {
			chosen = append(chosen, h)
			need = minus(need, h.usable)
		} else {
			others = append(others, h)
		}
	}
	if need.IsZero() {
		return chosen
	}
	return append(chosen, cover(others, need)...)
}

// cover returns few of the given that cover need, which all together do. It
// sorts them.
func cover(from []*held, need resources.Vector) []*held {
	slices.SortStableFunc(from, func(a, b *held) int { return bySize(a.usable, b.usable) })
	if len(from) <= maxExact {
		return exact(from, need)
	}
	return greedy(from, need)
}

// exact tries all sets of offers, small ones first.
func exact(offers []*held, need resources.Vector) []*held {
	best := uint(1)<<len(offers) - 1
	for set := range best {
		if bits.OnesCount(set) < bits.OnesCount(best) && sum(offers, set).Covers(need) {
			best = set
		}
	}
	var out []*held
	for i, h := range offers {
		if best&(1<<i) != 0 {
			out = append(out, h)
		}
	}
	return out
}

// sum returns the usable amounts of the offers whose bit is in set.
func sum(offers []*held, set uint) resources.Vector {
	var total resources.Vector
	for i, h := range offers {
		if set&(1<<i) != 0 {
			total = plus(total, h.usable)
		}
	}
	return total
}

// greedy takes the smallest offer that covers all, else large ones first, and
// then gives back what turned out unneeded. offers are sorted by size.
func greedy(offers []*held, need resources.Vector) []*held {
	for _, h := range offers {
		if h.usable.Covers(need) {
			return []*held{h}
		}
	}
	var out []*held
	var total resources.Vector
	for _, h := range slices.Backward(offers) {
		if total.Covers(need) {
			break
		}
		out, total = append(out, h), plus(total, h.usable)
	}
	return slices.DeleteFunc(out, func(h *held) bool {
		// Amounts of different offers never overlap, so Sub undoes plus.
		without := total.Sub(h.usable)
		if !without.Covers(need) {
			return false
		}
		total = without
		return true
	})
}

// bySize orders amounts by cpus, then mem.
func bySize(a, b resources.Vector) int {
	if d := a.Get(resources.CPUs) - b.Get(resources.CPUs); d != 0 {
		return int(d)
	}
	return int(a.Get(resources.Mem) - b.Get(resources.Mem))
}

// usablePortions returns the portions of an offer that its role can reserve.
func usablePortions(offer *resources.Offer) []resources.Portion {
	return slices.DeleteFunc(slices.Clone(offer.Portions), func(p resources.Portion) bool {
		return !p.Usable(offer.Role)
	})
}

// merge adds up portions under equal stacks, as Mesos does within one ACCEPT.
func merge(portions []resources.Portion) []resources.Portion {
	var out []resources.Portion
	for _, p := range portions {
		i := slices.IndexFunc(out, p.SameStack)
		if i < 0 {
			out = append(out, p)
			continue
		}
		out[i].Vector = out[i].Vector.Add(p.Vector)
	}
	return out
}
