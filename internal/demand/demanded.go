package demand

import "slices"

// Demanded reports whether offers are asked for now because a pod is pending:
// then an agent that offers nothing has nothing. Otherwise offers go back, and
// an agent without any may be as empty as can be.
func (m *Manager) Demanded() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.connected {
		return false
	}
	now := m.deps.Clock.Now()
	for _, pod := range m.pending {
		if m.wants(pod, now) && slices.Contains(m.opts.Roles, pod.role) {
			return true
		}
	}
	return false
}
