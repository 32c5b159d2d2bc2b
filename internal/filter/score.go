package filter

import (
	"math"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

// MaxScore is the best score (extender/v1 MaxExtenderPriority); the worst is 0.
const MaxScore = 10

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
func Score(view View, request Request, nodes []string, strategy Strategy) []int64 {
	scores := make([]int64, len(nodes))
	if view.closed() != "" {
		return scores
	}
	p := newPass(view, request)
	for i, node := range nodes {
		if agentID, why := view.Nodes.Agent(node); why == "" {
			scores[i] = p.score(view.place(agentID, request.Role), strategy)
		}
	}
	return scores
}

func (p *pass) score(at place, strategy Strategy) int64 {
	free := at.free()
	if free.IsZero() && len(at.occupants) == 0 {
		return 0
	}
	if p.own(at.occupants) {
		return MaxScore
	}
	if at.planned() {
		return 0
	}
	score := p.packed(free, at.occupants)
	if strategy == Spreading {
		score = MaxScore - score
	}
	if !at.certain(p.needs) {
		score /= 2 // another framework may be given the rest of the offer first
	}
	return score
}

// packed rates how full the agent would be with the pod on it, judged by the
// fullest of the resources that the pod needs. What counts as the agent's whole
// is what it offers to the pod's role plus what our pods reserved on it. An
// agent that already has pods of ours rounds up and an untouched one down, so
// that small pods do not open one whole agent after the other.
func (p *pass) packed(free resources.Vector, occupants []Occupant) int64 {
	fullest, used := 0.0, false
	for _, s := range p.needs.scalars {
		reserved := resources.Milli(0)
		for i := range occupants {
			reserved += occupants[i].Reserved.Get(s.name)
		}
		whole := reserved + free.Get(s.name)
		used = used || reserved > 0
		if whole > 0 {
			fullest = max(fullest, float64(reserved+s.amount)/float64(whole))
		}
	}
	rounded := math.Floor(MaxScore * fullest)
	if used {
		rounded = math.Ceil(MaxScore * fullest)
	}
	return int64(min(max(rounded, 0), MaxScore))
}
