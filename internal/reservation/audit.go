package reservation

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/logkeys"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/mesos"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/offercache"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

// recentlyGone is how long after its end a reservation that is still seen in
// an offer counts as an echo. A real leftover is found by the next audit.
const recentlyGone = 5 * time.Second

// lostAfter is the number of audits in a row in which the master must fail to
// list a reservation before it counts as lost: one may have been under way
// when the reservation was made.
const lostAfter = 2

// goneAfter is the number of audits in a row in which the master must not list
// an agent before its records are closed.
const goneAfter = 3

// audit compares the book with the master's agent list, which unlike offers is
// complete. If it cannot be read nothing changes and nothing is released.
func (m *Manager) audit(ctx context.Context) error {
	asOf := m.clock.Now()
	pending := m.pending(ctx, asOf) // before the agents: what is listed later was executed
	agents, err := m.operator.Agents(ctx)
	if err != nil {
		m.metrics.audits.WithLabelValues("failed").Inc()
		return fmt.Errorf("read the master's agents: %w", err)
	}
	m.metrics.audits.WithLabelValues("ok").Inc()
	seen, active := map[id]sighting{}, make(map[string]bool, len(agents))
	for _, agent := range agents {
		active[agent.ID] = agent.Active && !agent.Recovered
		maps.Copy(seen, m.ours(agent.ID, agent.Reserved))
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.hear(agents)
	m.reach(agents, asOf)
	for _, ident := range slices.SortedFunc(maps.Keys(seen), id.compare) {
		if found := seen[ident]; m.records[ident] == nil {
			if r := m.adopt(found.pod, ident.key, found.portions, asOf); r != nil {
				r.whole = true
			}
		}
	}
	for _, ident := range slices.SortedFunc(maps.Keys(m.records), id.compare) {
		if r := m.records[ident]; r != nil && r.since.Before(asOf) && r.changed.Before(asOf) {
			up, known := active[r.key.AgentID]
			m.compare(r, seen[r.id].portions, known, up, asOf)
			m.prove(r, len(seen[r.id].portions) > 0 && up && !pending(r.id), asOf)
		}
	}
	m.forgetGone(asOf)
	return nil
}

// sighting is what the master lists for one pod on one agent.
type sighting struct {
	pod      Pod
	portions []resources.Portion
}

// ours collects the reservations with our label from an agent's portions.
func (m *Manager) ours(agentID string, portions []resources.Portion) map[id]sighting {
	seen := map[id]sighting{}
	for _, portion := range portions {
		if pod, ok := owner(m.opts.Cluster, portion); ok && !m.foreign(pod, portion) {
			ident := id{pod.UID, offercache.Key{AgentID: agentID, Role: portion.Role()}}
			seen[ident] = sighting{pod, append(seen[ident].portions, portion)}
		}
	}
	return seen
}

// foreign reports whether a reservation with our label is not ours to touch,
// because a former principal made it (scenario 27). It warns once of each.
func (m *Manager) foreign(pod Pod, portion resources.Portion) bool {
	top, _ := portion.Top()
	if top.Principal == m.opts.Principal || m.opts.AdoptFormer {
		return false
	}
	if _, known := m.strangers.LoadOrStore(pod.UID, true); !known {
		m.metrics.former.Inc()
		m.log.Warn("reservation of a former principal is left alone: see release.adoptFormerPrincipals",
			zap.Stringer(logkeys.Pod, pod), zap.String(logkeys.PodUID, pod.UID), zap.String("principal", top.Principal))
	}
	return true
}

// hear notes which agents give operation feedback. The list says nothing of
// one that is not back yet since the master restarted. The caller holds mu.
func (m *Manager) hear(agents []mesos.Agent) {
	mute := make(map[string]bool)
	for _, agent := range agents {
		if (agent.Recovered && m.mute[agent.ID]) || (!agent.Recovered && !agent.Feedback) {
			mute[agent.ID] = true
		}
	}
	m.mute = mute
}

// adopt enters a reservation that Mesos has and the book has not. asOf is when
// it was certainly seen: one that ended later is an echo. The caller holds mu.
func (m *Manager) adopt(pod Pod, key offercache.Key, portions []resources.Portion, asOf time.Time) *record {
	ident := id{pod.UID, key}
	if ended, ok := m.gone[ident]; ok && !ended.Before(asOf) {
		return nil
	}
	r := &record{
		id: ident, pod: pod, state: Reserved, since: m.clock.Now(),
		portions: portions, verdict: newVerdict(), adopted: true, found: m.clock.Now(),
	}
	r.need = r.vector()
	m.add(r)
	m.metrics.adopted.Inc()
	m.log.Info("reservation found in Mesos, adopted until its pod is known", logFields(r)...)
	return r
}

// pending asks on which reservations agents have not reported yet, where there
// are any to be proven. If the master cannot tell, it may be any of them.
func (m *Manager) pending(ctx context.Context, asOf time.Time) func(id) bool {
	if !m.anyToProve(asOf) {
		return func(id) bool { return false }
	}
	operations, err := m.operator.Pending(ctx)
	if err != nil {
		m.log.Warn("the master does not list operations, reservations found in Mesos stay unproven", zap.Error(err))
		return func(id) bool { return true }
	}
	found := map[id]sighting{}
	for _, op := range operations {
		maps.Copy(found, m.ours(op.AgentID, op.Portions))
	}
	return func(ident id) bool { _, is := found[ident]; return is }
}

func (m *Manager) anyToProve(asOf time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range m.records {
		if m.ripe(r, asOf) {
			return true
		}
	}
	return false
}

// ripe reports whether the record was found in Mesos so long ago that it can be
// proven: its operation was with the master then, and since has had the time to
// be answered.
func (m *Manager) ripe(r *record, asOf time.Time) bool {
	return !r.found.IsZero() && asOf.Sub(r.found) >= m.opts.ConfirmTimeout
}

// prove lets binds use a reservation that was found in Mesos, once it is listed
// with an active agent and no operation on it is open. The master lists what it
// has sent to an agent that hangs, and goes on to (trap T19). The caller holds mu.
func (m *Manager) prove(r *record, executed bool, asOf time.Time) {
	if !executed || !m.ripe(r, asOf) {
		return
	}
	r.found = time.Time{}
	if r.state == Reserved {
		r.decide(nil)
	}
}

// expireFound asks for an audit when a bind waits for a reservation that one
// can prove by now. The caller holds mu.
func (m *Manager) expireFound(now time.Time) {
	for _, r := range m.records {
		if r.busy && r.state == Reserved && m.ripe(r, now) {
			signal(m.auditNow)
		}
	}
}

// compare draws the conclusions of an audit for one record that did not change
// state since the audit began. The caller holds mu.
func (m *Manager) compare(r *record, listed []resources.Portion, known, active bool, asOf time.Time) {
	if known {
		r.absent = 0
	}
	switch {
	case r.state == Held:
	case !known:
		m.agentMissing(r)
	case r.op.inFlight() && !r.op.byOperator:
		r.missed = 0
		m.resolve(r, listed, active, asOf)
	case len(listed) > 0:
		r.missed = 0
		m.present(r, listed, asOf)
	case active:
		m.missing(r)
	}
}

// present takes over the amounts that the master lists, which are what must be
// unreserved in the end. The caller holds mu.
func (m *Manager) present(r *record, listed []resources.Portion, asOf time.Time) {
	if r.op.byOperator {
		if r.op.answered.IsZero() || r.op.answered.After(asOf) {
			return
		}
		if total(listed).Covers(r.vector()) {
			m.operatorFailed(r)
		} else {
			m.endOperation(r)
		}
	}
	before := r.vector()
	r.portions, r.whole = listed, true
	m.refit(r)
	if !before.Equal(r.vector()) {
		m.publish(r.key)
		m.kick(r.key)
	}
}

// agentMissing closes records of an agent that the master has not listed for
// some audits: it is gone, or it is away. Nothing is lost by forgetting: should
// it come back with the reservation, under this ID or a new one, the
// reservation is adopted again by its labels. The caller holds mu.
func (m *Manager) agentMissing(r *record) {
	r.absent++
	if r.absent < goneAfter || (r.state == Reserving && r.unwanted == nil) {
		return
	}
	m.log.Warn("agent of a reservation is gone, record closed", logFields(r, zap.Stringer("state", r.state))...)
	if r.state == Reserving {
		m.fail(r, ErrNotReserved)
		return
	}
	if r.state == Bound && len(m.byUID[r.uid]) == 1 {
		m.metrics.lost.Inc()
		m.lost(r.pod)
	}
	m.move(r, Gone)
	r.decide(ErrNotReserved)
}

// resolve decides an operation that nobody will report on: the master knows
// nothing of it any more, or the agent has no feedback and the time is over.
// The caller holds mu.
func (m *Manager) resolve(r *record, listed []resources.Portion, active bool, asOf time.Time) {
	silent := r.op.id == "" && asOf.Sub(r.op.sent) >= m.opts.ConfirmTimeout
	unknown := !r.op.unknown.IsZero() && !r.op.unknown.After(asOf)
	if !active || (!unknown && !silent) || r.op.answered.IsZero() || !r.op.answered.Before(asOf) {
		return
	}
	switch {
	case !r.executed(listed):
		m.refute(r, errUnknown)
	case silent || m.unknownStill(r):
		m.log.Info("operation confirmed by the master's agent list", logFields(r)...)
		m.confirm(r)
	}
}

// unknownStill reports whether the master knows nothing of an operation
// although its list has shown it executed before the master was asked. A master
// lists what it has sent to an agent, and may have done that only after it said
// UNKNOWN (trap T19); then it knows the operation when asked again. What it
// lists without knowing it, the agent itself has reported. The caller holds mu.
func (m *Manager) unknownStill(r *record) bool {
	if !r.op.shown.IsZero() {
		return true
	}
	r.op.shown, r.op.unknown = m.clock.Now(), time.Time{}
	return false
}

// executed reports whether the operation in flight shows in what the master
// lists for the record.
func (r *record) executed(listed []resources.Portion) bool {
	switch {
	case r.op.kind == mesos.Unreserve:
		return !total(listed).Covers(r.vector())
	case r.state == Reserving:
		return len(listed) > 0
	}
	return total(listed).Covers(r.vector().Add(total(r.op.portions)))
}

// missing counts audits in which an active agent's list lacks the record. The
// caller holds mu.
func (m *Manager) missing(r *record) {
	r.missed++
	if r.missed < lostAfter {
		signal(m.auditNow)
		return
	}
	if r.state == Releasing {
		m.log.Info("reservation released", logFields(r)...)
	} else {
		m.metrics.lost.Inc()
		m.log.Error("reservation lost: the agent no longer has it", logFields(r, zap.Stringer("state", r.state))...)
		if r.state == Bound {
			m.lost(r.pod)
		}
	}
	m.move(r, Gone)
	r.decide(ErrNotReserved)
}

// forgetGone drops the memory of ends that no audit in flight can precede. The
// caller holds mu.
func (m *Manager) forgetGone(now time.Time) {
	for ident, ended := range m.gone {
		if now.Sub(ended) > time.Minute {
			delete(m.gone, ident)
		}
	}
}
