package reservation

import (
	"slices"
	"strings"
	"time"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/mesos"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/offercache"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

// trust is how often an UNRESERVE may have been refused before no pod is
// promised what it would free: one refusal may be due to an offer that was
// rescinded, several are due to an ACL (scenario 27).
const trust = 2

// lend tells the cache what is on its way out at a key, so that our own pods
// can have it before any other framework sees it. The caller holds mu.
func (m *Manager) lend(key offercache.Key) {
	var out []offercache.Release
	if m.connected {
		now := m.clock.Now()
		away := !m.reviewed || m.away[key.AgentID]
		for _, r := range m.byKey[key] {
			if !r.canLeave(now) {
				continue
			}
			out = append(out, offercache.Release{
				PodUID: r.uid, Portions: r.surplus(), Due: !now.Before(r.due), Doubtful: away || r.refusals >= trust,
			})
		}
	}
	slices.SortFunc(out, func(a, b offercache.Release) int { return strings.Compare(a.PodUID, b.PodUID) })
	m.cache.SetReleasing(key, out)
}

// surplus is what of a reservation must be unreserved.
func (r *record) surplus() []resources.Portion {
	switch {
	case r.state == Releasing:
		return r.portions
	case r.misfit:
		return r.excess()
	}
	return nil
}

// canLeave reports whether an UNRESERVE of the record's surplus may be sent
// now, for a pod that needs the resources or because it is due.
func (r *record) canLeave(now time.Time) bool {
	return !now.Before(r.notBefore) && !r.op.inFlight() && len(r.surplus()) > 0
}

// mustLeave reports whether offers are wanted for the record's UNRESERVE. One
// that lingers alone must not make an idle cluster ask for offers.
func (r *record) mustLeave(now time.Time) bool { return !now.Before(r.due) && r.canLeave(now) }

// linger has a reservation wait for the next pod on its agent before it goes
// to everybody. The caller holds mu.
func (m *Manager) linger(r *record) {
	r.due = m.clock.Now().Add(m.opts.Linger)
	r.lingers = m.opts.Linger > 0
	m.lend(r.key)
	m.freed[r.key] = true
	m.kick(r.key)
}

// expireLingering has the reservations leave that no pod has asked for in time.
// The caller holds mu.
func (m *Manager) expireLingering(now time.Time) {
	for r := range m.restless {
		if r.lingers && !now.Before(r.due) {
			r.lingers = false
			m.kick(r.key)
		}
	}
}

// untouched reports whether the whole reservation certainly is there still. An
// operator call that failed may have worked.
func (r *record) untouched() bool { return !r.op.inFlight() && r.operatorAt.IsZero() }

// takeBack gives a reservation that is on its way out, and whose UNRESERVE has
// not left, to a new bind of its own pod. The caller holds mu.
func (m *Manager) takeBack(r *record) {
	if !m.move(r, Reserved) {
		return
	}
	r.verdict = newVerdict()
	if r.found.IsZero() {
		r.decide(nil)
	}
	r.unwanted, r.checked, r.orphanSince, r.lingers = nil, false, time.Time{}, false
	m.lend(r.key)
	m.kick(r.key) // for holds that counted on it
}

// unreserved notes that an UNRESERVE was executed. The caller holds mu.
func (m *Manager) unreserved(r *record, portions []resources.Portion) {
	r.portions = without(r.portions, portions)
	if r.state == Releasing && len(r.portions) == 0 {
		m.log.Info("reservation released", logFields(r)...)
		m.move(r, Gone)
		return
	}
	if r.state == Bound {
		m.metrics.resizes.WithLabelValues("shrunk").Inc()
	}
	m.publish(r.key)
	m.refit(r)
	m.kick(r.key)
}

// AgentLost tells that the master reported an agent's failure: nobody counts on
// what it has reserved until it is heard of again.
func (m *Manager) AgentLost(agentID string, roles []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.away[agentID] = true
	for _, role := range roles {
		m.touch(offercache.Key{AgentID: agentID, Role: role})
	}
}

// reach notes which agents can be counted on, by a list that was read after
// asOf. The caller holds mu.
func (m *Manager) reach(agents []mesos.Agent, asOf time.Time) {
	if asOf.Before(m.connectedAt) {
		return
	}
	m.reviewed = true
	clear(m.away)
	for _, agent := range agents {
		if !agent.Active || agent.Recovered || agent.Deactivated || agent.DrainState != "" {
			m.away[agent.ID] = true
		}
	}
	for key := range m.byKey {
		m.lend(key)
	}
}
