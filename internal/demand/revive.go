package demand

import (
	"context"
	"maps"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/logkeys"
)

// maxReviveGap is the longest time between two REVIVEs of a role while the
// same things go on waiting for it.
const maxReviveGap = 5 * time.Minute

// roleState is the rate limit of one role. New demand is served as soon as the
// limit allows; old demand ever more rarely, because each REVIVE clears the
// filters that keep offers with our neighbours.
type roleState struct {
	last    time.Time     // of the latest REVIVE
	gap     time.Duration // until the next one; zero: as soon as allowed
	wanting int           // reservations that waited at the last look
}

func (s *roleState) reset() { s.gap = 0 }

// role returns the state of a role. The caller holds mu.
func (m *Manager) role(name string) *roleState {
	if m.roles[name] == nil {
		m.roles[name] = &roleState{}
	}
	return m.roles[name]
}

// demanded reports the roles whose offers are held because something waits for
// them. The caller holds mu.
func (m *Manager) demanded(wanting map[string]int) map[string]bool {
	now := m.deps.Clock.Now()
	return m.waitedFor(wanting, func(pod pending) bool { return m.wants(pod, now) })
}

// waitedFor reports the roles for which reservations, or pending pods that
// count, wait. The caller holds mu.
func (m *Manager) waitedFor(wanting map[string]int, counts func(pending) bool) map[string]bool {
	roles := map[string]bool{}
	for _, pod := range m.pending {
		if counts(pod) {
			roles[pod.role] = true
		}
	}
	for role := range wanting {
		roles[role] = true
	}
	maps.DeleteFunc(roles, func(role string, _ bool) bool { return !slices.Contains(m.opts.Roles, role) })
	return roles
}

// revive sends REVIVE for the roles that are due. It returns when the limit allows
// the next one that new demand waits for, zero if none does.
func (m *Manager) revive(ctx context.Context) (wait time.Duration) {
	due, wait := m.due(m.deps.Wanting())
	if len(due) == 0 {
		return wait
	}
	err := m.deps.Master.Revive(ctx, due)
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, role := range due {
		state := m.role(role)
		state.last = m.deps.Clock.Now()
		state.gap = min(max(2*state.gap, m.opts.ReviveInterval), maxReviveGap)
		if err != nil {
			state.reset()
		}
	}
	if err != nil {
		m.deps.Log.Debug("revive not delivered", zap.Strings(logkeys.Role, due), zap.Error(err))
		return wait
	}
	m.metrics.revives.Inc()
	m.deps.Log.Debug("roles revived", zap.Strings(logkeys.Role, due))
	return wait
}

// due lists the roles to revive now, and how long the first of the others has to
// wait that have new demand.
func (m *Manager) due(wanting map[string]int) (due []string, wait time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.connected {
		return nil, 0
	}
	now := m.deps.Clock.Now()
	for role, state := range m.roles {
		if wanting[role] > state.wanting {
			state.reset()
		}
		state.wanting = wanting[role]
	}
	// All pending pods count: now and then even one that fits nowhere is worth
	// a look at everything there is.
	for role := range m.waitedFor(wanting, func(pending) bool { return true }) {
		state := m.role(role)
		left := max(state.gap, m.opts.ReviveInterval) - now.Sub(state.last)
		switch {
		case left <= 0:
			due = append(due, role)
		case state.gap == 0 && (wait == 0 || left < wait):
			wait = left
		}
	}
	slices.Sort(due)
	return due, wait
}
