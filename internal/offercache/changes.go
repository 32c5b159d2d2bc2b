package offercache

import "iter"

// Since yields the agents whose view is not the one they had in an older
// snapshot, in no order: with the new view, or nil for an agent that has none
// any more. It costs in proportion to what changed between the two, because
// they share the rest; everything is compared only where the table was made
// anew or has grown. A nil snapshot had no agents.
func (s *Snapshot) Since(old *Snapshot) iter.Seq2[string, *AgentView] {
	if old == nil {
		old = newSnapshot(0)
	}
	if s.table.seed != old.table.seed || len(s.table.pages) != len(old.table.pages) {
		return func(yield func(string, *AgentView) bool) { s.table.unlike(&old.table, yield) }
	}
	return func(yield func(string, *AgentView) bool) {
		for i, p := range s.table.pages {
			if p != old.table.pages[i] && !p.unlike(old.table.pages[i], yield) {
				return
			}
		}
	}
}

// unlike compares tables that share nothing.
func (t *table) unlike(old *table, yield func(string, *AgentView) bool) {
	for agentID, view := range t.all {
		if former, ok := old.get(agentID); (!ok || former != view) && !yield(agentID, view) {
			return
		}
	}
	for agentID := range old.all {
		if _, ok := t.get(agentID); !ok && !yield(agentID, nil) {
			return
		}
	}
}

// unlike compares pages of the same place. It reports false if yield did.
func (p *page) unlike(old *page, yield func(string, *AgentView) bool) bool {
	for i := range p {
		if !p[i].same(old[i]) && !p[i].unlike(old[i], yield) {
			return false
		}
	}
	return true
}

// same reports whether both are the same memory, which an edit replaces when it
// changes a bucket.
func (b bucket) same(old bucket) bool {
	return len(b) == len(old) && (len(b) == 0 || &b[0] == &old[0])
}

func (b bucket) unlike(old bucket, yield func(string, *AgentView) bool) bool {
	for _, e := range b {
		if at := old.index(e.hash, e.view.AgentID); at >= 0 && old[at].view == e.view {
			continue
		}
		if !yield(e.view.AgentID, e.view) {
			return false
		}
	}
	for _, e := range old {
		if b.index(e.hash, e.view.AgentID) < 0 && !yield(e.view.AgentID, nil) {
			return false
		}
	}
	return true
}
