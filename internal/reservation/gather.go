package reservation

import (
	"slices"
	"time"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/offercache"
)

// gatherLimit bounds how long binds wait for the master's answer to an ACCEPT
// of their agent, which takes a few milliseconds if the master is well.
const gatherLimit = 250 * time.Millisecond

// gathers reports whether what waits at a key shall join the next ACCEPT: one
// is on the wire, and the more leave together after it the fewer calls there
// are. It matters to an agent with several offers only: one that has none left
// in hand is waited for in any case. The caller holds mu.
func (m *Manager) gathers(key offercache.Key, now time.Time) bool {
	left, ok := m.left[key]
	if m.onWire[key] == 0 || !ok || now.Sub(left) >= gatherLimit || !m.offered(key) {
		delete(m.gathering, key)
		return false
	}
	m.gathering[key] = true
	return true
}

// gathered lets those leave who have waited for the answer, if anybody has. The
// caller holds mu.
func (m *Manager) gathered(key offercache.Key) bool {
	if !m.gathering[key] {
		return false
	}
	delete(m.gathering, key)
	m.kick(key)
	return true
}

// offered reports whether an offer is in hand at a key.
func (m *Manager) offered(key offercache.Key) bool {
	agent, ok := m.cache.Snapshot().Agent(key.AgentID)
	return ok && slices.ContainsFunc(agent.Roles, func(r offercache.RoleView) bool {
		return r.Role == key.Role && !r.Offered.IsZero()
	})
}
