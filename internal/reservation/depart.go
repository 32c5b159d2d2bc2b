package reservation

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"
	"go.uber.org/zap"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/logkeys"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/mesos"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/offercache"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

// load is one ACCEPT that leaves, with the records it moves.
type load struct {
	accept  mesos.Accept
	records []*record
	key     offercache.Key
	at      time.Time // when it was loaded: operation.sent of each record
	joint   bool      // the RESERVEs of all pods leave as one operation
	freed   bool      // a hold was given up at the key
	waits   bool      // a hold has begun to wait, and no ACCEPT is on the wire
}

// depart loads everything that waits at a key into one ACCEPT, and fails the
// holds that the offers no longer cover. A load without offers is empty.
func (m *Manager) depart(key offercache.Key) load {
	m.mu.Lock()
	defer m.mu.Unlock()
	l := load{key: key, at: m.clock.Now(), freed: m.freed[key]}
	delete(m.dirty, key)
	delete(m.freed, key)
	m.lend(key)
	m.grow(key, l.at)
	var dep offercache.Departure
	ok, held := false, m.heldBack(key, l.at)
	if !held && !m.gathers(key, l.at) {
		dep, ok = m.cache.Take(key)
	}
	if ok {
		m.left[key] = l.at
	}
	m.failDoomed(key, l.at)
	if held {
		return l
	}
	m.holdsWait(key, l.at)
	if !ok {
		l.waits = m.beginsToWait(key)
		return l
	}
	m.onWire[key]++
	l.accept = mesos.Accept{Generation: dep.Generation, OfferIDs: dep.OfferIDs}
	l.joint = len(dep.Unreserve) == 0
	m.metrics.handovers.Add(float64(dep.HandedOver))
	m.loadUnreserves(&l, key, dep.Unreserve)
	for _, piece := range dep.Reserve {
		m.loadReserve(&l, key, piece)
	}
	return l
}

// failDoomed fails the holds that the offers of a key no longer cover. Where an
// ACCEPT has left of late they are kept: the rest of its offer may have gone to
// another role first, and is with us again sooner than kube-scheduler would
// try a failed pod. No hold is kept so for longer than RemainderWait, although
// more ACCEPTs leave. The caller holds mu.
func (m *Manager) failDoomed(key offercache.Key, now time.Time) {
	left, ok := m.left[key]
	recent := ok && now.Sub(left) < m.opts.RemainderWait
	doomed := m.cache.Doomed(key)
	for _, r := range m.byKey[key] {
		if !slices.Contains(doomed, r.uid) {
			r.doomed = time.Time{}
		}
	}
	for _, hold := range doomed {
		r := m.records[id{hold, key}]
		switch {
		case r == nil && !recent:
			m.failGrowth(hold, key)
		case r == nil || r.state != Held:
		case recent && r.doomed.IsZero():
			r.doomed = now
		case !recent || now.Sub(r.doomed) >= m.opts.RemainderWait:
			m.fail(r, ErrWithdrawn)
		}
	}
}

// loadUnreserves adds one UNRESERVE per pod. They come before the RESERVEs
// because Mesos applies operations in order. The caller holds mu.
func (m *Manager) loadUnreserves(l *load, key offercache.Key, leaving []offercache.Unreserve) {
	for _, u := range leaving {
		if r := m.records[id{u.PodUID, key}]; r != nil && r.canLeave(l.at) {
			m.loadOperation(l, r, mesos.Unreserve, u.Portions)
		}
	}
}

// loadReserve adds what is reserved for one pod: all its resources in one
// operation, so that they come or fail together (trap T12). The caller holds mu.
func (m *Manager) loadReserve(l *load, key offercache.Key, piece offercache.Reserve) {
	if m.loadGrowth(l, key, piece) {
		return
	}
	r := m.records[id{piece.PodUID, key}]
	if r == nil || r.state != Held {
		// Its bind gave up between; the resources come back with the remainder.
		m.cache.Unhold(piece.PodUID)
		return
	}
	top := layer(m.opts.Cluster, key.Role, m.opts.Principal, r.pod, l.at)
	r.portions = pushed(piece.Portions, top)
	r.ourTurn(l.at)
	if m.move(r, Reserving) {
		m.loadOperation(l, r, mesos.Reserve, r.portions)
	}
}

// loadOperation adds portions of a record to an operation that is loaded, or to
// a new one. The caller holds mu.
func (m *Manager) loadOperation(l *load, r *record, kind mesos.OperationType, portions []resources.Portion) {
	op := l.open(kind)
	if op.ID == "" && !m.mute[r.key.AgentID] {
		op.ID = uuid.NewString()
	}
	op.Role, op.Portions = r.key.Role, slices.Concat(op.Portions, portions)
	r.op = operation{kind: kind, id: op.ID, sent: l.at, portions: portions}
	if op.ID != "" {
		m.byOp[op.ID] = append(m.byOp[op.ID], r)
	}
	l.records = append(l.records, r)
}

// open returns the operation that the next pod's portions are added to. The
// resources of several pods are reserved by one operation, which spares the
// agent, the master and us a status and its acknowledgement for each but one:
// they are all in hand, so that they would also come or fail together if each had
// its own. That is not so for what another pod's UNRESERVE must free first.
func (l *load) open(kind mesos.OperationType) *mesos.Operation {
	if len(l.accept.Operations) == 0 || !l.joint {
		l.accept.Operations = append(l.accept.Operations, mesos.Operation{Type: kind})
	}
	return &l.accept.Operations[len(l.accept.Operations)-1]
}

// send puts a load on the wire. A load that certainly did not arrive fails at
// once; of any other the operations' feedback, or an audit, tells.
func (m *Manager) send(ctx context.Context, l load) {
	if len(l.accept.Operations) == 0 {
		m.landed(l.key)
		m.giveBack(ctx, l)
		return
	}
	m.callBegins(l)
	err := m.master.Accept(ctx, l.accept)
	m.callEnded(l)
	joined := m.landed(l.key)
	if err == nil {
		if entry := m.log.Check(zap.DebugLevel, "accept sent"); entry != nil {
			entry.Write(zap.String(logkeys.AgentID, l.key.AgentID), zap.Int(logkeys.Count, len(l.accept.Operations)))
		}
		// Of those who leave now depart tells what they wait for.
		if !joined && m.heldAt(l.key) {
			m.hurry(l.key.Role)
		}
		return
	}
	m.log.Warn("accept not delivered", zap.String(logkeys.AgentID, l.key.AgentID),
		zap.Int(logkeys.Count, len(l.accept.Operations)), zap.Error(err))
	if errors.Is(err, mesos.ErrDisconnected) || errors.Is(err, mesos.ErrDeadly) {
		m.failed(l, err)
	}
	m.giveBack(ctx, l)
}

// callBegins notes that the records now wait for Mesos.
func (m *Manager) callBegins(l load) {
	now := m.clock.Now()
	m.ofLoad(l, func(r *record) { r.theirTurn(now) })
}

// callEnded notes that the call has ended: from now on the master can be asked
// what became of it.
func (m *Manager) callEnded(l load) {
	m.ofLoad(l, func(r *record) { r.op.answered = m.clock.Now() })
}

// failed ends the operations of a load that did not arrive.
func (m *Manager) failed(l load, err error) {
	m.ofLoad(l, func(r *record) { m.refute(r, err) })
}

// ofLoad calls do, with the book locked, for each record whose operation of the
// load is still in flight.
func (m *Manager) ofLoad(l load, do func(*record)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range l.records {
		if r.op.inFlight() && r.op.sent.Equal(l.at) && l.has(r.op.id) {
			do(r)
		}
	}
}

// has reports whether an operation is of the load.
func (l *load) has(operationID string) bool {
	return slices.ContainsFunc(l.accept.Operations, func(op mesos.Operation) bool { return op.ID == operationID })
}

// giveBackAttempts bounds the DECLINEs of the offers of one lost ACCEPT, which
// are auditRetry apart.
const giveBackAttempts = 5

// giveBack declines the offers of an ACCEPT that may not have arrived: the
// cache has forgotten them, and Mesos would keep them for us until the next
// subscription. If it did arrive this changes nothing; if it arrives later it
// is refused, and says so.
func (m *Manager) giveBack(ctx context.Context, l load) {
	for range giveBackAttempts {
		if ctx.Err() != nil {
			return
		}
		err := m.master.Decline(ctx, l.accept.Generation, l.accept.OfferIDs, 0)
		if err == nil || errors.Is(err, mesos.ErrDisconnected) {
			return
		}
		m.log.Warn("offers of a lost accept not declined", zap.String(logkeys.AgentID, l.key.AgentID), zap.Error(err))
		if m.pause(ctx, auditRetry) != nil {
			return
		}
	}
}

// landed notes that an ACCEPT is no longer on the wire, and reports whether
// others have waited for that in order to leave.
func (m *Manager) landed(key offercache.Key) (joined bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.onWire[key]--; m.onWire[key] <= 0 {
		delete(m.onWire, key)
		return m.gathered(key)
	}
	return false
}

// beginsToWait reports, once for each, whether there is a hold for which offers
// must come, and which no ACCEPT on the wire will ask for when it lands. The
// caller holds mu.
func (m *Manager) beginsToWait(key offercache.Key) bool {
	if m.onWire[key] > 0 {
		return false
	}
	begins := false
	for _, r := range m.byKey[key] {
		if r.state == Held && !r.hurried {
			r.hurried, begins = true, true
		}
	}
	return begins
}

// heldAt reports whether binds wait for offers at a key.
func (m *Manager) heldAt(key offercache.Key) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return !m.firstHeld(key).IsZero()
}
