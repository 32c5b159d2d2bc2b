package reservation

import (
	"context"
	"fmt"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"
)

// liveChecks bounds the questions to the API server that run side by side.
const liveChecks = 16

// settle asks the API server about the pods of reservations that no bind looks
// after: adopted ones, and ones whose Binding never came. A question that
// fails releases nothing.
func (m *Manager) settle(ctx context.Context) {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(liveChecks)
	for _, r := range m.unsettled() {
		group.Go(func() error {
			live, err := m.pods.Liveness(ctx, r.pod)
			if err != nil {
				m.log.Warn("pod of a reservation cannot be read, nothing is released", logFields(r, zap.Error(err))...)
				return nil
			}
			m.judge(r, live)
			return nil
		})
	}
	// The functions above return no error: each has logged its own.
	_ = group.Wait()
}

// unsettled lists the confirmed reservations whose pod must be looked at now.
func (m *Manager) unsettled() []*record {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []*record
	for _, r := range m.records {
		if r.state != Reserved || r.busy {
			continue
		}
		age := m.clock.Since(r.since)
		orphan := !r.orphanSince.IsZero() && m.clock.Since(r.orphanSince) >= m.opts.OrphanGrace
		if !r.checked || orphan || (r.orphanSince.IsZero() && age >= m.opts.UnboundGrace) {
			out = append(out, r)
		}
	}
	return out
}

// judge decides about an unbound or adopted reservation by what the API server
// said of its pod just now.
func (m *Manager) judge(r *record, live Liveness) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r.checked = true
	if m.records[r.id] != r || r.state != Reserved || r.busy {
		return
	}
	switch {
	case !live.Alive && r.orphanSince.IsZero():
		r.orphanSince = m.clock.Now()
	case !live.Alive:
		if m.clock.Since(r.orphanSince) >= m.opts.OrphanGrace {
			m.dismiss(r, fmt.Errorf("%w: its pod has ended", ErrReleased))
		}
	case live.Bound && live.AgentID == r.key.AgentID:
		r.pod.Priority = live.Priority
		m.move(r, Bound)
	case live.Bound && live.AgentID != "":
		m.dismiss(r, fmt.Errorf("%w: its pod is bound to another node", ErrReleased))
	case !live.Bound && m.clock.Since(r.since) >= m.opts.UnboundGrace:
		m.dismiss(r, fmt.Errorf("%w: its pod was not bound in time", ErrReleased))
	}
}
