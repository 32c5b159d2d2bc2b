package sampling

import (
	"time"

	corev1 "k8s.io/api/core/v1"
)

const (
	// shownAnyway is how many nodes kube-scheduler looks for at least, so that it
	// shows all of a cluster that has no more (minFeasibleNodesToFind in
	// pkg/scheduler/schedule_one.go).
	shownAnyway = 100
	// enough is the part of the nodes, one in so many, that must have room for
	// labels not to pay: of 100 nodes that are shown some 25 are worth it then.
	enough = 4
)

// surveyDue reports whether all nodes are to be looked at. Where nothing is
// labelled and nothing is demanded there is nothing to find.
func (m *Manager) surveyDue(now time.Time, demanded bool) bool {
	if !demanded && m.deps.Nodes.CountWithoutOffers() == 0 {
		return false
	}
	age := now.Sub(m.surveyed)
	if age >= surveyEvery {
		return true
	}
	return age >= soonest && (m.asked.Load() || m.deps.Nodes.Map() != m.placed)
}

// survey looks at every node: which labels are to go, for how long the others
// have had no room, and which are to be labelled once offers are demanded.
func (m *Manager) survey(now time.Time) {
	m.asked.Store(false)
	m.surveyed, m.placed = now, m.deps.Nodes.Map()
	clear(m.written) // the informer has seen it by now
	count := census{lacking: make(map[string]time.Duration, len(m.lacking))}
	for node := range m.deps.Nodes.All() {
		m.judge(node, &count)
	}
	m.lacking, m.enter = count.lacking, nil // nodes that are gone are forgotten
	if count.pays() {
		m.enter = count.candidates[:min(len(count.candidates), perSurvey)]
	}
}

// census is what a survey counts.
type census struct {
	nodes      int
	without    int // have had no room for long, labelled or not
	lacking    map[string]time.Duration
	candidates []string // those without that have no label
}

// pays reports whether labels are worth the writes: there are more nodes than
// are shown anyway, and few of them have had room of late.
func (c *census) pays() bool {
	return c.nodes > shownAnyway && (c.nodes-c.without)*enough < c.nodes
}

// judge looks at one node.
func (m *Manager) judge(node *corev1.Node, count *census) {
	count.nodes++
	labelled := m.carries(node)
	if !m.opts.Enabled || m.worthShowing(node.Name) {
		if labelled {
			m.leave[node.Name] = true
		}
		return
	}
	if labelled {
		count.without++
		return
	}
	since, seen := m.lacking[node.Name]
	if !seen {
		since = m.demanded
	}
	count.lacking[node.Name] = since
	if m.demanded-since >= markAfter<<min(m.flaps[node.Name], maxFlaps) {
		count.without++
		count.candidates = append(count.candidates, node.Name)
	}
}
