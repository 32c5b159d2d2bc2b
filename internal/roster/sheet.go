package roster

import (
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/filter"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/kube"
)

// sheet has the places for one role, as long as the nodes and the agents that
// take pods stay the same.
type sheet struct {
	from     *Sources
	nodes    Nodes
	unusable map[string]filter.Reason
	role     string
	table    *table
}

func newSheet(from *Sources, nodes Nodes, unusable *map[string]filter.Reason, role string) *sheet {
	s := &sheet{from: from, nodes: nodes, role: role, table: newTable(nodes.Names, nodes.Size())}
	if unusable != nil {
		s.unusable = *unusable
	}
	return s
}

// unknown is the place of a node without an agent.
var unknown = filter.NewRefused(filter.NoAgent)

// Find finds the places step by step for all of the nodes, so that they wait for
// memory together. What is first read of an entry decides nothing in that step:
// a processor that guesses wrong about it would wait for each alone.
func (s *sheet) Find(nodes filter.Names, into *[filter.Batch]*filter.Place) {
	var hashes, there [filter.Batch]uint64 // there: at home
	count := min(nodes.Len(), filter.Batch)
	for i := range count {
		hashes[i] = hash(nodes.At(i))
		there[i] = s.table.home(hashes[i]).hash
	}
	var entries [filter.Batch]*entry
	var cells [filter.Batch]*cell
	for i := range count {
		e := s.table.home(hashes[i])
		if there[i] != hashes[i] {
			e = s.table.find(hashes[i])
		}
		if entries[i] = e; e != nil {
			cells[i] = e.cell.Load()
		}
	}
	for i := range count {
		switch found := cells[i]; {
		case found == nil:
			into[i] = &unknown
		case found.stale:
			into[i] = s.fresh(string(nodes.At(i)), entries[i], found)
		default:
			into[i] = &found.place
		}
	}
}

// fresh computes a place. It is kept only where nothing has changed meanwhile:
// each update marks what it expires with a cell of its own, and the swap fails
// where it has.
func (s *sheet) fresh(node string, e *entry, stale *cell) *filter.Place {
	made := &cell{place: s.compute(node)}
	e.cell.CompareAndSwap(stale, made)
	return &made.place
}

// compute reads the sources.
func (s *sheet) compute(node string) filter.Place {
	agentID, mapping := s.nodes.Agent(node)
	switch mapping {
	case kube.NoAgent:
		return unknown
	case kube.Ambiguous:
		return filter.NewRefused(filter.AmbiguousAgent)
	}
	if why := s.unusable[agentID]; why != "" {
		return filter.NewRefused(why)
	}
	agent, _ := s.from.Offers().Agent(agentID)
	at := filter.NewPlace(node, agent, s.role, s.from.Occupants.On(agentID, s.role))
	if s.nodes.Avoided(node) {
		at.Avoid()
	}
	return at
}
