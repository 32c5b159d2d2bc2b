package reservation

import (
	"context"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/logkeys"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/mesos"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/offercache"
)

const (
	tick          = 250 * time.Millisecond // of housekeeping
	auditRetry    = time.Second            // after an audit that failed
	acceptWorkers = 64                     // ACCEPTs on the wire side by side
	ackWorkers    = 4
)

// Run works until ctx ends. It waits for the calls it has started.
func (m *Manager) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return m.dispatch(ctx) })
	group.Go(func() error { return m.keepHouse(ctx) })
	group.Go(func() error { return m.auditor(ctx) })
	for range ackWorkers {
		group.Go(func() error { return m.acknowledge(ctx) })
	}
	return group.Wait()
}

// dispatch sends an ACCEPT for every key at which something can leave.
func (m *Manager) dispatch(ctx context.Context) error {
	var calls errgroup.Group
	calls.SetLimit(acceptWorkers)
	defer func() { _ = calls.Wait() }() // send logs its own errors
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-m.wake:
		}
		for _, key := range m.dirtyKeys() {
			if l, ok := m.depart(key); ok {
				calls.Go(func() error { m.send(ctx, l); return nil })
			}
		}
	}
}

func (m *Manager) dirtyKeys() []offercache.Key {
	m.mu.Lock()
	defer m.mu.Unlock()
	keys := make([]offercache.Key, 0, len(m.dirty))
	for key := range m.dirty {
		keys = append(keys, key)
	}
	return keys
}

// keepHouse looks after everything that depends on time.
func (m *Manager) keepHouse(ctx context.Context) error {
	ticker := m.clock.NewTicker(tick)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C():
		}
		m.expireRemainders()
		if m.isConnected() {
			m.reconcile(ctx)
			m.releaseByOperator(ctx)
		}
		m.settle(ctx)
	}
}

func (m *Manager) isConnected() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.connected
}

// expireRemainders gives up remainders of ACCEPTs that did not come back, and
// looks again at the keys where a refused release waits for its time.
func (m *Manager) expireRemainders() {
	expired := m.cache.ExpireExpected(m.opts.RemainderWait)
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, key := range expired {
		m.kick(key)
	}
	for _, r := range m.records {
		if r.state == Releasing && r.refusals > 0 && !r.op.inFlight() && m.clock.Now().After(r.notBefore) {
			m.kick(r.key)
		}
	}
}

// reconcile asks the master about operations that stayed unanswered.
func (m *Manager) reconcile(ctx context.Context) {
	refs := m.unanswered()
	if len(refs) == 0 {
		return
	}
	if err := m.master.Reconcile(ctx, refs); err != nil {
		m.log.Warn("operations cannot be reconciled", zap.Int(logkeys.Count, len(refs)), zap.Error(err))
	}
}

func (m *Manager) unanswered() []mesos.OperationRef {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.clock.Now()
	var refs []mesos.OperationRef
	for _, r := range m.byOp {
		if now.Sub(r.op.sent) < m.opts.ConfirmTimeout || now.Sub(r.op.asked) < m.opts.ConfirmTimeout {
			continue
		}
		r.op.asked = now
		refs = append(refs, mesos.OperationRef{OperationID: r.op.id, AgentID: r.key.AgentID})
	}
	return refs
}

// releaseByOperator unreserves, by the operator API, what no offer has shown
// for too long: a leftover below min_allocatable_resources is never offered
// (trap T8).
func (m *Manager) releaseByOperator(ctx context.Context) {
	for _, r := range m.overdue() {
		err := m.operator.UnreserveByOperator(ctx, r.key.AgentID, r.portions)
		m.mu.Lock()
		if err != nil {
			m.endOperation(r)
			r.refusals++
			r.notBefore = m.clock.Now().Add(m.opts.OperatorAfter)
			m.log.Warn("operator API did not unreserve, will be tried again", logFields(r, zap.Error(err))...)
		}
		signal(m.auditNow)
		m.mu.Unlock()
	}
}

func (m *Manager) overdue() []*record {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []*record
	for _, r := range m.records {
		if r.state == Releasing && !r.op.inFlight() && m.clock.Since(r.since) >= m.opts.OperatorAfter &&
			!m.clock.Now().Before(r.notBefore) {
			r.op = operation{kind: mesos.Unreserve, sent: m.clock.Now(), byOperator: true}
			out = append(out, r)
		}
	}
	return out
}

// auditor compares the books at start, at intervals and when asked to.
func (m *Manager) auditor(ctx context.Context) error {
	timer := m.clock.NewTimer(m.opts.AuditInterval)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C():
		case <-m.auditNow:
		}
		timer.Reset(m.auditOnce(ctx))
	}
}

// auditOnce returns the time to the next audit.
func (m *Manager) auditOnce(ctx context.Context) time.Duration {
	if !m.isConnected() {
		return auditRetry
	}
	if err := m.audit(ctx); err != nil {
		m.log.Warn("reservations cannot be compared, nothing is released", zap.Error(err))
		return auditRetry
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.recovered {
		m.recovered = true
		m.log.Info("reservations recovered", zap.Int(logkeys.Count, len(m.records)))
	}
	return m.opts.AuditInterval
}

// acknowledge sends acknowledgements. One that fails is not tried again: the
// agent repeats its status until one arrives.
func (m *Manager) acknowledge(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case s := <-m.acks:
			if err := m.master.Acknowledge(ctx, s); err != nil {
				m.log.Debug("status not acknowledged", zap.String(logkeys.OperationID, s.OperationID), zap.Error(err))
			}
		}
	}
}
