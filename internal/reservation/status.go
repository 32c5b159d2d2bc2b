package reservation

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/logkeys"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/mesos"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/offercache"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

// noFeedback is in the master's answer to an operation with an ID for an agent
// that cannot report on it (src/master/master.cpp).
const noFeedback = "AGENT_OPERATION_FEEDBACK"

// refusals are how the master's answers begin to an operation that no retry
// will mend: its form, role or principal is wrong, or an ACL forbids it
// (src/master/validation.cpp and master.cpp). An operation that met an offer
// or resources that were gone by then is refused in other words.
var refusals = []string{
	"A reserve operation was attempted",
	"Operation attempted with invalid resources",
	"Not authorized",
}

// permanent reports whether an operation would be refused again.
func permanent(s mesos.OperationStatus) bool {
	return s.State == mesos.OperationError &&
		slices.ContainsFunc(refusals, func(words string) bool { return strings.HasPrefix(s.Message, words) })
}

// Status takes one UPDATE_OPERATION_STATUS. It is called from the Mesos event
// loop and does not block.
func (m *Manager) Status(s mesos.OperationStatus) {
	m.metrics.statuses.WithLabelValues(string(s.State)).Inc()
	// The acknowledgement first, because the goroutine woken last runs first: of
	// the two it is the bind that somebody waits for.
	m.acknowledgeLater(s)
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range m.byOp[s.OperationID] {
		m.progress(r, s)
	}
}

func (m *Manager) acknowledgeLater(s mesos.OperationStatus) {
	if len(s.UUID) == 0 {
		return // made by the master, or an answer to a question: never acknowledged
	}
	select {
	case m.acks <- s:
	default:
		m.log.Warn("acknowledgement dropped, the agent will send the status again",
			zap.String(logkeys.OperationID, s.OperationID))
	}
}

// progress moves a record by the status of its operation. The caller holds mu.
func (m *Manager) progress(r *record, s mesos.OperationStatus) {
	switch s.State {
	case mesos.OperationFinished:
		// Without a uuid it is the master's memory, not the agent's word
		// (trap T19); the agent sends its own until that is acknowledged.
		if s.Confirms() {
			m.confirm(r)
		}
	case mesos.OperationUnknown:
		r.op.unknown = m.clock.Now()
		signal(m.auditNow)
	case mesos.OperationPending, mesos.OperationUnreachable, mesos.OperationRecovering:
		// Not final, FINISHED can follow. The ACCEPT has arrived after all.
		r.op.unknown, r.op.shown = time.Time{}, time.Time{}
	case mesos.OperationError, mesos.OperationFailed, mesos.OperationDropped,
		mesos.OperationGone, mesos.OperationUnsupported:
		if strings.Contains(s.Message, noFeedback) {
			m.mute[r.key.AgentID] = true
		}
		if r.op.kind == mesos.Reserve && permanent(s) {
			m.refused(r.pod)
		}
		m.refute(r, fmt.Errorf("%w: %s: %s", errRefused, s.State, s.Message))
	}
}

// confirm ends an operation that Mesos has executed. The caller holds mu.
func (m *Manager) confirm(r *record) {
	op := r.op
	m.metrics.operation(op.kind, "finished", m.clock.Since(op.sent))
	m.endOperation(r)
	r.refusals, r.changed = 0, m.clock.Now()
	r.ourTurn(r.changed)
	if op.kind == mesos.Unreserve {
		m.unreserved(r, op.portions)
		return
	}
	if r.state != Reserving {
		m.grown(r, op.portions)
		return
	}
	m.unhold(r)
	if !m.move(r, Reserved) {
		return
	}
	if r.unwanted != nil {
		m.dismiss(r, r.unwanted)
		return
	}
	r.decide(nil)
}

// refute ends an operation that was not, and will not be, executed. The caller
// holds mu.
func (m *Manager) refute(r *record, why error) {
	kind := r.op.kind
	m.metrics.operation(kind, "failed", m.clock.Since(r.op.sent))
	if kind == mesos.Reserve && r.open() {
		m.log.Info("reservation not made", logFields(r, zap.Error(why))...)
		m.fail(r, fmt.Errorf("%w: %w", ErrNotReserved, why))
		return
	}
	m.endOperation(r)
	m.dropGrowth(r)
	r.refusals++
	r.notBefore = m.clock.Now().Add(min(time.Second<<min(r.refusals-1, 6), time.Minute))
	m.log.Warn("operation refused, will be tried again", logFields(r,
		zap.Time("notBefore", r.notBefore), zap.Error(why))...)
	m.kick(r.key) // for holds that counted on it
	signal(m.auditNow)
}

// Offers looks at offers that have just entered the cache: it confirms what
// agents without feedback have reserved, and takes in reservations of ours that
// are not in the book yet. It is called from the Mesos event loop.
func (m *Manager) Offers(offers []*resources.Offer, touched []offercache.Key) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, offer := range offers {
		delete(m.away, offer.AgentID)
		m.look(offer)
	}
	now := m.clock.Now()
	for _, key := range touched {
		if m.byKey[key] != nil {
			m.offersCame(key, now)
			m.kick(key)
		}
	}
}

// look reads our labels in one offer. The caller holds mu.
func (m *Manager) look(offer *resources.Offer) {
	ours := m.ours(offer.AgentID, offer.Portions)
	for _, ident := range slices.SortedFunc(maps.Keys(ours), id.compare) {
		found := ours[ident]
		if ident.key.Role != offer.Role {
			continue
		}
		r := m.records[ident]
		switch {
		case r == nil:
			m.adopt(found.pod, ident.key, found.portions, m.clock.Now().Add(-recentlyGone))
		case r.state == Reserving && r.op.id == "":
			m.log.Info("reservation confirmed by the next offer; weaker than feedback, which this agent lacks",
				logFields(r)...)
			m.confirm(r)
		}
	}
}

// Touched tells that offers at a key changed for another reason than new ones:
// a rescind or a lost agent.
func (m *Manager) Touched(key offercache.Key) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.touch(key)
}

// touch is Touched for callers that hold mu.
func (m *Manager) touch(key offercache.Key) {
	delete(m.left, key)
	if m.byKey[key] != nil {
		m.kick(key)
	}
}

// Connection tells whether the framework is subscribed. After a new
// subscription every open operation is asked about and the books are compared.
func (m *Manager) Connection(subscribed bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.connected, m.reviewed, m.connectedAt = subscribed, false, m.clock.Now()
	clear(m.left)
	for key := range m.byKey {
		m.kick(key)
	}
	if !subscribed {
		return
	}
	for _, r := range m.records {
		r.op.asked, r.notBefore = time.Time{}, time.Time{}
	}
	signal(m.auditNow)
}
