package sampling

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/kube"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/offercache"
)

// follow brings roomy up to date with the offers. An agent that has got room
// has its node's time begin again, and its label go, if it has one.
func (m *Manager) follow() {
	current := m.deps.Snapshot()
	if current == m.snapshot || !m.opts.Enabled {
		return
	}
	nothing := len(m.lacking) == 0 && len(m.written) == 0 && m.deps.Nodes.CountWithoutOffers() == 0
	resubscribed := m.snapshot != nil && current.Generation() != m.snapshot.Generation()
	for agentID, view := range current.Since(m.snapshot) {
		if !m.holdsPod(view) {
			delete(m.roomy, agentID)
			continue
		}
		m.roomy[agentID] = true
		if !nothing {
			m.gained(agentID)
		}
	}
	if resubscribed { // all offers have gone with the connection, and come in time
		clear(m.lacking)
	}
	m.snapshot = current
}

// gained takes in that an agent has room.
func (m *Manager) gained(agentID string) {
	name, ok := m.deps.Nodes.Map().Node(agentID)
	if !ok || !m.deps.Usable(agentID) {
		return // the survey finds it when that has changed
	}
	delete(m.lacking, name)
	if m.labelled(name) {
		m.leave[name] = true
	}
}

// holdsPod reports whether a pod could find room in what an agent has for some
// role: offered, or on its way back to us. A scrap that is less than any pod
// reserves is no room.
func (m *Manager) holdsPod(view *offercache.AgentView) bool {
	if view == nil {
		return false
	}
	for _, role := range m.opts.Roles {
		if free := view.Free(role); !free.IsZero() && free.Covers(m.opts.Minimum) {
			return true
		}
	}
	return false
}

// worthShowing reports whether kube-scheduler should see a node.
func (m *Manager) worthShowing(name string) bool {
	agentID, how := m.deps.Nodes.Map().Agent(name)
	if how != kube.Mapped {
		return false
	}
	return m.roomy[agentID] && m.deps.Usable(agentID) || m.deps.Needed(agentID)
}

// labelled reports whether a node carries the label, as was written by us or as
// the informer has it.
func (m *Manager) labelled(name string) bool {
	node, ok := m.deps.Nodes.Node(name)
	return ok && m.carries(node)
}

// carries is labelled for a node at hand.
func (m *Manager) carries(node *corev1.Node) bool {
	if written, ok := m.written[node.Name]; ok {
		return written
	}
	return kube.WithoutOffers(node)
}
