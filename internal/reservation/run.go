package reservation

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/logkeys"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/mesos"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/offercache"
)

const (
	tick          = 250 * time.Millisecond // of housekeeping
	auditRetry    = time.Second            // after an audit or call that failed
	auditPause    = time.Second            // between audits that are asked for
	acceptWorkers = 64                     // ACCEPTs on the wire side by side
	ackWorkers    = 4
)

// Run works until ctx ends. It waits for the calls it has started.
func (m *Manager) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return m.dispatch(ctx) })
	// One loop each: an API server or a master that hangs delays only what
	// needs it.
	group.Go(func() error { return m.every(ctx, func() { m.expireRemainders(); m.reconcile(ctx) }) })
	group.Go(func() error { return m.every(ctx, func() { m.releaseByOperator(ctx) }) })
	group.Go(func() error { return m.every(ctx, func() { m.settle(ctx) }) })
	group.Go(func() error { return m.auditor(ctx) })
	for range ackWorkers {
		group.Go(func() error { return m.acknowledge(ctx) })
	}
	return group.Wait()
}

// dispatch sends an ACCEPT for every key at which something can leave.
func (m *Manager) dispatch(ctx context.Context) error {
	out := newSenders(func(l load) { m.send(ctx, l) })
	defer out.end()
	for {
		if err := m.awake(ctx); err != nil {
			return err
		}
		for _, key := range m.dirtyKeys() {
			l := m.depart(key)
			if l.freed && m.released != nil {
				m.released(key)
			}
			if l.waits {
				m.hurry(key.Role)
			}
			if len(l.accept.OfferIDs) > 0 {
				out.put(l)
			}
		}
	}
}

// awake returns when something may leave.
func (m *Manager) awake(ctx context.Context) error {
	var due <-chan time.Time
	if wait, ok := m.untilBeat(); ok {
		timer := m.clock.NewTimer(wait)
		defer timer.Stop()
		due = timer.C()
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-m.wake:
	case <-due:
		m.beats()
	}
	return nil
}

func (m *Manager) dirtyKeys() []offercache.Key {
	m.mu.Lock()
	defer m.mu.Unlock()
	keys := make([]offercache.Key, 0, len(m.dirty))
	for key := range m.dirty {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b offercache.Key) int { return id{key: a}.compare(id{key: b}) })
	return keys
}

// every looks after something that depends on time.
func (m *Manager) every(ctx context.Context, look func()) error {
	ticker := m.clock.NewTicker(tick)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C():
		}
		look()
	}
}

// pause waits, unless ctx ends first.
func (m *Manager) pause(ctx context.Context, d time.Duration) error {
	timer := m.clock.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C():
		return nil
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
	now := m.clock.Now()
	for _, key := range expired {
		m.kick(key)
	}
	for key, at := range m.left {
		if now.Sub(at) >= m.opts.RemainderWait {
			delete(m.left, key)
			m.kick(key)
		}
	}
	for key := range m.gathering {
		m.kick(key)
	}
	m.expireLingering(now)
	m.expireDoomed(now)
	m.expireFound(now)
	for r := range m.restless {
		if r.refusals > 0 && r.canLeave(now) || (r.refusals > 0 || !r.short) && r.canGrow(now) {
			m.kick(r.key)
		}
	}
}

// expireDoomed has holds fail that were kept for as long as may be. The caller
// holds mu.
func (m *Manager) expireDoomed(now time.Time) {
	for r := range m.restless {
		if !r.doomed.IsZero() && now.Sub(r.doomed) >= m.opts.RemainderWait {
			m.kick(r.key)
		}
	}
}

// reconcile asks the master about operations that stayed unanswered.
func (m *Manager) reconcile(ctx context.Context) {
	if !m.isConnected() {
		return
	}
	refs := m.unanswered()
	if len(refs) == 0 {
		return
	}
	if err := m.master.Reconcile(ctx, refs); err != nil {
		m.log.Warn("operations cannot be reconciled", zap.Int(logkeys.Count, len(refs)), zap.Error(err))
	}
}

// unanswered lists the operations to ask about. Of one without an ID the
// master cannot tell, so that an audit must.
func (m *Manager) unanswered() []mesos.OperationRef {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.clock.Now()
	var refs []mesos.OperationRef
	for _, r := range m.records {
		if !r.op.inFlight() || r.op.byOperator || r.op.answered.IsZero() ||
			now.Sub(r.op.sent) < m.opts.ConfirmTimeout || now.Sub(r.op.asked) < m.opts.ConfirmTimeout {
			continue
		}
		r.op.asked = now
		if r.op.id == "" {
			signal(m.auditNow)
			continue
		}
		refs = append(refs, mesos.OperationRef{OperationID: r.op.id, AgentID: r.key.AgentID})
	}
	slices.SortFunc(refs, func(a, b mesos.OperationRef) int { return strings.Compare(a.OperationID, b.OperationID) })
	return slices.Compact(refs) // one may be of several pods
}

// releaseByOperator unreserves, by the operator API, what no offer has shown
// for too long: a leftover below min_allocatable_resources is never offered
// (trap T8).
func (m *Manager) releaseByOperator(ctx context.Context) {
	if !m.isConnected() {
		return
	}
	for r := m.overdue(); r != nil; r = m.overdue() {
		// Nobody else changes the portions while the operation is in flight.
		err := m.operator.UnreserveByOperator(ctx, r.key.AgentID, r.op.portions)
		m.answered(r, err)
		if ctx.Err() != nil {
			return
		}
	}
}

// overdue returns the record that the operator API shall release next, the one
// that has been due for longest, nil if none.
func (m *Manager) overdue() *record {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.clock.Now()
	var next *record
	for r := range m.restless {
		if (r.state == Releasing || r.misfit) && !r.op.inFlight() && len(r.surplus()) > 0 &&
			now.Sub(r.due) >= m.opts.OperatorAfter && !now.Before(r.operatorAt) &&
			(next == nil || cmp.Or(r.due.Compare(next.due), r.compare(next.id)) < 0) {
			next = r
		}
	}
	if next != nil {
		next.op = operation{kind: mesos.Unreserve, sent: now, byOperator: true, portions: next.surplus()}
		m.lend(next.key)
		m.kick(next.key) // for holds that counted on it
	}
	return next
}

// answered notes what the operator API said. The master answers before the
// agent acts, so that only an audit can tell whether it worked.
func (m *Manager) answered(r *record, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	signal(m.auditNow)
	if err == nil {
		r.op.answered = m.clock.Now()
		return
	}
	m.operatorFailed(r)
	m.log.Warn("operator API did not unreserve, will be tried again", logFields(r, zap.Error(err))...)
}

// operatorFailed ends an UNRESERVE of the operator API that changed nothing.
// An offer that came meanwhile may do better. The caller holds mu.
func (m *Manager) operatorFailed(r *record) {
	m.endOperation(r)
	r.operatorAt = m.clock.Now().Add(m.opts.OperatorAfter)
	m.kick(r.key)
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
		// The agent list of a large cluster is long: requests gather meanwhile.
		if err := m.pause(ctx, auditPause); err != nil {
			return err
		}
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
