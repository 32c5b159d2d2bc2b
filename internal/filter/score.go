package filter

import (
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

// MaxScore is the best score (extender/v1 MaxExtenderPriority); the worst is 0.
const MaxScore = 10

// unsure divides the score of a place for which the rest of an offer has to come
// back first: it takes a while, and another framework may be given it. By half
// was too little: with 50 pods a second on 100 nodes a tenth of the binds waited for
// more than 45 ms, which a quarter makes 14 ms, on as many agents.
const unsure = 4

// Strategy ranks the nodes that fit.
type Strategy string

// The strategies, by their names in the configuration.
const (
	BinPacking Strategy = "BinPacking" // the fullest agent first
	Spreading  Strategy = "Spreading"  // the emptiest agent first
)

// Score rates each node from 0 to MaxScore, in the order of nodes. A node without
// an agent, or whose agent has nothing for the role or awaits maintenance, gets
// 0; the one where the pod holds its reservation already gets the most, since
// binding it there costs nothing.
func Score(view View, request Request, nodes Names, strategy Strategy) []int64 {
	scores := make([]int64, nodes.Len())
	if view.closed() != "" {
		return scores
	}
	whole := newPass(view, request)
	inParts(nodes.Len(), partsOf(nodes.Len()), func(_, from, to int) {
		whole.each(nodes.Slice(from, to), new([Batch]*Place), func(first int, places []*Place) {
			for i, at := range places {
				if whole.view.unusable(at) == "" {
					scores[from+first+i] = whole.score(at, strategy)
				}
			}
		})
	})
	return scores
}

// score rates the place.
func (p *pass) score(at *Place, strategy Strategy) int64 {
	if p.own(at) {
		return MaxScore
	}
	score := p.promise(at, strategy)
	if score > 0 && !at.certain(&p.needs) {
		score /= unsure
	}
	return score
}

// promise is the score if what is offered is in hand.
func (p *pass) promise(at *Place, strategy Strategy) int64 {
	switch {
	case at.flags&offering == 0 || at.flags&scheduled != 0:
		return 0
	case strategy == Spreading:
		return MaxScore - p.packed(at)
	}
	return p.packed(at)
}

// packed rates how full the agent would be with the pod on it, judged by the
// fullest of the resources that the pod needs. What counts as the agent's whole
// is what it offers to the pod's role plus what our pods reserved on it. An
// agent that already has pods of ours rounds up and an untouched one down, so
// that small pods do not open one whole agent after the other.
func (p *pass) packed(at *Place) int64 {
	if at.flags&occupied != 0 {
		return p.joined(at)
	}
	fullest := 0.0
	for i := range p.needs.scalars {
		s := &p.needs.scalars[i]
		if whole := s.freeAt(at); whole > 0 {
			// Exact below 2^50 thousandths, and faster than to divide whole numbers.
			fullest = max(fullest, float64(MaxScore*s.amount)/float64(whole))
		}
	}
	return int64(min(fullest, MaxScore))
}

// joined is packed for an agent that has pods of ours.
func (p *pass) joined(at *Place) int64 {
	down, up, used := resources.Milli(0), resources.Milli(0), false
	for i := range p.needs.scalars {
		s := &p.needs.scalars[i]
		reserved := p.reserved(at, s)
		used = used || reserved > 0
		if whole := reserved + s.freeAt(at); whole > 0 {
			full := MaxScore * (reserved + s.amount)
			down = max(down, full/whole)
			up = max(up, (full+whole-1)/whole)
		}
	}
	if used {
		return int64(min(up, MaxScore))
	}
	return int64(min(down, MaxScore))
}

// reserved returns how much of a scalar our pods have reserved.
func (p *pass) reserved(at *Place, s *scalar) resources.Milli {
	if s.native >= 0 {
		return at.reserved[s.native]
	}
	return reservedBy(at.occupants, s.name)
}
