package reservation

import (
	"context"
	"fmt"
	"slices"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/logkeys"
)

// settleRetry is the shortest time between two questions about one pod.
const settleRetry = 2 * time.Second

// liveChecks bounds the questions to the API server that run side by side.
const liveChecks = 16

// settle asks the API server about the pods of reservations that no bind looks
// after: adopted ones, ones whose Binding never came, and bound ones whose pod
// the informer does not know. A question that
// fails releases nothing.
func (m *Manager) settle(ctx context.Context) {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(liveChecks)
	for _, u := range m.unsettled() {
		group.Go(func() error {
			live, err := m.pods.Liveness(ctx, u.pod)
			if err != nil {
				m.log.Warn("pod of a reservation cannot be read, nothing is released",
					zap.Stringer(logkeys.Pod, u.pod), zap.String(logkeys.PodUID, u.pod.UID), zap.Error(err))
				return nil
			}
			m.judge(u.record, live)
			return nil
		})
	}
	// The functions above return no error: each has logged its own.
	_ = group.Wait()
}

// question is a record whose pod must be looked at, and the pod as it was
// when the question arose.
type question struct {
	record *record
	pod    Pod
}

// unsettled lists the confirmed reservations whose pod must be asked about now.
func (m *Manager) unsettled() []question {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []question
	now := m.clock.Now()
	for _, r := range m.records {
		if m.unclear(r, now) {
			r.lookAt = now.Add(settleRetry)
			out = append(out, question{r, r.pod})
		}
	}
	slices.SortFunc(out, func(a, b question) int { return a.record.compare(b.record.id) }) // see compare
	return out
}

// unclear reports whether it is time to ask about a record's pod. The caller
// holds mu.
func (m *Manager) unclear(r *record, now time.Time) bool {
	switch {
	case r.busy || now.Before(r.lookAt):
		return false
	case r.state == Bound:
		return m.unwatched(r, now)
	case r.state != Reserved:
		return false
	case !r.checked:
		return true
	case !r.orphanSince.IsZero():
		return now.Sub(r.orphanSince) >= m.opts.OrphanGrace
	}
	return now.Sub(r.since) >= m.opts.UnboundGrace
}

// unwatched reports whether the informer does not know the pod of a bound
// record, so that nobody will tell of its end: a pod that came and went while
// the watch was down was never seen. The caller holds mu.
func (m *Manager) unwatched(r *record, now time.Time) bool {
	if now.Sub(r.since) >= m.opts.OrphanGrace && m.watched != nil && !m.watched(r.uid) {
		return true
	}
	r.lookAt = now.Add(m.opts.AuditInterval)
	return false
}

// judge decides about an unbound or adopted reservation by what the API server
// said of its pod just now. That a pod is gone, or is bound to another agent,
// must still be so after the grace: the map of nodes may lag behind an agent
// that came back under another ID.
func (m *Manager) judge(r *record, live Liveness) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.records[r.id] != r || (r.state != Reserved && r.state != Bound) || r.busy {
		return
	}
	r.checked = true
	if r.state == Bound && live.Alive {
		r.orphanSince, r.lookAt = time.Time{}, m.clock.Now().Add(m.opts.AuditInterval)
		return
	}
	elsewhere := live.Bound && live.AgentID != "" && live.AgentID != r.key.AgentID
	if live.Alive && !elsewhere {
		r.orphanSince = time.Time{}
		m.keep(r, live)
		return
	}
	if r.orphanSince.IsZero() {
		r.orphanSince = m.clock.Now()
	}
	switch {
	case m.clock.Since(r.orphanSince) < m.opts.OrphanGrace:
	case live.Alive:
		m.dismiss(r, fmt.Errorf("%w: its pod is bound to another node", ErrReleased))
	default:
		m.dismiss(r, fmt.Errorf("%w: its pod has ended", ErrReleased))
	}
}

// pursued reports whether a bind of a pod is under way, by whatever record: its
// Binding may name the node of another one, whose agent may be this one's under
// an earlier ID. The caller holds mu.
func (m *Manager) pursued(uid string) bool {
	return slices.ContainsFunc(m.byUID[uid], func(r *record) bool { return r.busy })
}

// keep settles the reservation of a pod that lives and is not elsewhere. The
// caller holds mu.
func (m *Manager) keep(r *record, live Liveness) {
	switch {
	case live.Bound && live.AgentID == r.key.AgentID:
		r.pod.Priority = live.Priority
		if !live.Need.IsZero() {
			r.want = live.Need
		}
		m.move(r, Bound)
	case live.Bound:
		// Its node stands for no agent, or for several: look again later.
		r.lookAt = m.clock.Now().Add(m.opts.UnboundGrace)
	case m.pursued(r.uid):
		r.lookAt = m.clock.Now().Add(settleRetry)
	case m.clock.Since(r.since) >= m.opts.UnboundGrace:
		m.dismiss(r, fmt.Errorf("%w: its pod was not bound in time", ErrReleased))
	}
}
