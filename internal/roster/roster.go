// Package roster keeps, for every node, what filter looks at: its agent, what
// that offers and who is on it, joined and laid out to be judged at once.
//
// It owns nothing of that: a place is computed from its sources when it is first
// looked at, and again after one of them has changed. It must not decide
// anything about a pod.
package roster

import (
	"maps"
	"sync"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/filter"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/kube"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/offercache"
)

// Sources are where places come from. Each tells of a change only after it can
// be read.
type Sources struct {
	Nodes     func() Nodes                // others after a change
	Offers    func() *offercache.Snapshot // another one after a change
	Occupants filter.Occupants
	// Changed calls each for every agent whose occupants have changed since an
	// earlier call returned seen, 0 for the first, and returns what to pass next.
	// It returns false if it does not know them all.
	Changed func(seen uint64, each func(agentID string)) (next uint64, known bool)
	// Unusable returns the agents that take no pods, by agent ID; nil: none.
	// After a change it is another map.
	Unusable func() *map[string]filter.Reason
}

// Nodes is one state of the map between nodes and agents; *kube.NodeMap is one.
type Nodes interface {
	Agent(node string) (agentID string, why kube.Mapping)
	Node(agentID string) (node string, mapped bool)
	// Avoided reports whether pods had better go elsewhere.
	Avoided(node string) bool
	// Names yields all nodes but those without an agent, in no order.
	Names(yield func(node string) bool)
	// Size returns how many Names yields.
	Size() int
}

// Roster is the places of all nodes. Create it with New. It is safe for
// concurrent use.
type Roster struct {
	from Sources

	mu       sync.Mutex // guards all below; held for what has changed, not for what is asked
	nodes    Nodes
	unusable *map[string]filter.Reason
	offers   *offercache.Snapshot
	seen     uint64            // of the changes of occupants
	sheets   map[string]*sheet // by role; few, since other roles are refused before
}

// New returns an empty roster.
func New(from Sources) *Roster { return &Roster{from: from, sheets: map[string]*sheet{}} }

// Role returns the places for pods of a role. They have every change that was
// published before the call, and may get later ones.
func (r *Roster) Role(role string) filter.Places {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.update()
	s := r.sheets[role]
	if s == nil {
		s = newSheet(&r.from, r.nodes, r.unusable, role)
		r.sheets[role] = s
	}
	return s
}

// update takes note of what has changed.
func (r *Roster) update() {
	nodes, unusable := r.from.Nodes(), r.from.Unusable()
	if nodes != r.nodes || !same(unusable, r.unusable) {
		clear(r.sheets)
	}
	r.nodes, r.unusable = nodes, unusable

	stale := &cell{stale: true} // a new one each time: see sheet.fresh
	expire := func(agentID string) { r.expire(agentID, stale) }
	before := r.offers
	r.offers = r.from.Offers()
	if r.offers != before && len(r.sheets) > 0 {
		for agentID := range r.offers.Since(before) {
			expire(agentID)
		}
	}
	known := false
	if r.seen, known = r.from.Changed(r.seen, expire); !known {
		clear(r.sheets)
	}
}

// same compares maps, of which each list of agents brings another one.
func same(a, b *map[string]filter.Reason) bool {
	return a == b || a != nil && b != nil && maps.Equal(*a, *b)
}

// expire has an agent's places computed anew when they are next looked at.
func (r *Roster) expire(agentID string, stale *cell) {
	if len(r.sheets) == 0 {
		return
	}
	node, mapped := r.nodes.Node(agentID)
	if !mapped {
		return
	}
	h := hash([]byte(node))
	for _, s := range r.sheets {
		if e := s.table.find(h); e != nil {
			e.cell.Store(stale)
		}
	}
}
