package reservation

import (
	"context"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/logkeys"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/offercache"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

// Request asks for the resources of one pod on one agent in one role.
type Request struct {
	Pod  Pod
	Key  offercache.Key
	Need resources.Vector
}

// Outcome is what became of a pod after its reservation was confirmed.
type Outcome int

// The outcomes of a bind that had its reservation.
const (
	PodBound   Outcome = iota + 1 // the Binding stands
	PodRefused                    // it never will: release
	Undecided                     // it may; kept until the API server tells
)

// Reserve returns nil once Mesos has confirmed a reservation of req's
// resources for req's pod; the caller then owes one Settle. A pod that has the
// reservation already, from this or an earlier life, gets it at once. When ctx
// ends first the reservation is given up, and released should it still come.
//
// Errors: *offercache.ShortError when the offers do not cover the request, and
// those named ErrReleased, ErrWithdrawn, ErrNotReserved and ErrBoundElsewhere.
// Nothing is left reserved for good after an error.
//
// waited is how long it was Mesos' turn, zero after an error; see turns.go.
func (m *Manager) Reserve(ctx context.Context, req Request) (waited time.Duration, err error) {
	r, v, err := m.claim(req)
	if err != nil {
		return 0, err
	}
	select {
	case <-v.done:
	case <-ctx.Done():
		m.giveUp(r, context.Cause(ctx))
		return 0, fmt.Errorf("reserve on agent %s: %w", req.Key.AgentID, context.Cause(ctx))
	}
	if v.err != nil {
		return 0, fmt.Errorf("reserve on agent %s: %w", req.Key.AgentID, v.err)
	}
	return v.waited, nil
}

// claim finds or makes the record that will answer req by its verdict.
func (m *Manager) claim(req Request) (*record, *verdict, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.supersede(req); err != nil {
		return nil, nil, err
	}
	if r, ok := m.records[id{req.Pod.UID, req.Key}]; ok {
		if err := m.reclaim(r, req); err != nil {
			return nil, nil, err
		}
		return r, r.verdict, nil
	}
	if err := m.cache.Hold(req.Pod.UID, req.Key, req.Need); err != nil {
		return nil, nil, err
	}
	r := &record{
		id: id{req.Pod.UID, req.Key}, pod: req.Pod, need: req.Need, state: Held,
		since: m.clock.Now(), verdict: newVerdict(), busy: true, want: req.Need, whole: true,
	}
	m.add(r)
	m.rush.comes(r.since)
	m.kick(req.Key)
	return r, r.verdict, nil
}

// supersede gives up what was begun for the pod on other agents. A confirmed
// reservation stays, because the pod may have been bound to its node without
// our knowing: the Binding that is to come decides. The caller holds mu.
func (m *Manager) supersede(req Request) error {
	for _, other := range m.byUID[req.Pod.UID] {
		switch {
		case other.key == req.Key:
		case other.state == Bound:
			return fmt.Errorf("reserve on agent %s: %w", req.Key.AgentID, ErrBoundElsewhere)
		case other.open():
			m.dismiss(other, fmt.Errorf("%w: its pod is tried on another node", ErrReleased))
		}
	}
	return nil
}

// reclaim lets a second bind of the pod use the record of the first. The
// caller holds mu.
func (m *Manager) reclaim(r *record, req Request) error {
	r.forgetWaits(m.clock.Now())
	enough := r.need
	if !r.open() {
		enough = r.vector()
	}
	switch {
	case r.state == Bound: // it runs: its reservation follows its request
	case r.state == Releasing && r.untouched() && enough.Covers(req.Need):
		m.takeBack(r)
	case r.state == Releasing:
		return fmt.Errorf("%w: an earlier reservation of the pod is on its way out", ErrReleased)
	case !enough.Covers(req.Need) && r.open():
		m.dismiss(r, fmt.Errorf("%w: the pod's request has grown", ErrReleased))
		return fmt.Errorf("%w: the pod's request has grown", ErrReleased)
	case !enough.Covers(req.Need):
		// A Binding may stand of which we do not know, and then this grows. If
		// not, it is released after UnboundGrace.
		return fmt.Errorf("%w: the pod's request has grown", ErrNotReserved)
	}
	if r.unwanted != nil {
		r.verdict = newVerdict() // the old one told the earlier bind that it is over
	}
	r.unwanted, r.busy, r.pod, r.want = nil, true, req.Pod, req.Need
	return nil
}

// giveUp ends a wait whose context is over.
func (m *Manager) giveUp(r *record, cause error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r.busy = false
	if m.records[r.id] == r && r.open() {
		m.dismiss(r, fmt.Errorf("%w: %w", ErrReleased, cause))
	}
}

// Settle tells what became of a pod after Reserve returned nil for it.
func (m *Manager) Settle(req Request, outcome Outcome) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, ok := m.records[id{req.Pod.UID, req.Key}]
	if !ok {
		return
	}
	r.busy = false
	switch outcome {
	case PodRefused:
		m.dismiss(r, fmt.Errorf("%w: the pod was not bound", ErrReleased))
	case PodBound:
		m.bound(r)
	case Undecided:
		// since restarts the grace in which the API server may still tell.
		r.since = m.clock.Now()
		m.log.Info("binding undecided, reservation kept", logFields(r)...)
	}
}

// bound notes that the Binding of a record's pod stands, so that no other
// reservation of the pod can be of use. One that was found in Mesos may be the
// same on an agent that came back under another ID (scenario 23): the API
// server is asked before it goes. The caller holds mu.
func (m *Manager) bound(r *record) {
	if r.state == Reserved {
		m.move(r, Bound)
	}
	for _, other := range m.byUID[r.uid] {
		switch {
		case other == r || other.state == Bound:
		case other.adopted && !other.open():
			other.checked = false
		default:
			m.dismiss(other, fmt.Errorf("%w: its pod was bound to another node", ErrReleased))
		}
	}
}

// Release unreserves everything that is reserved for a pod, because it ended
// or was deleted. It does nothing for a pod that has no reservation.
func (m *Manager) Release(uid string, why string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range m.byUID[uid] {
		m.dismiss(r, fmt.Errorf("%w: %s", ErrReleased, why))
	}
}

// NoteBound tells that the API server shows the pod on the agent's node, and
// that any other reservation of the pod is therefore in vain. One that Mesos
// has confirmed is not released on this word alone: the node may have changed
// its agent, and the map of nodes may lag behind what Mesos says. The priority
// is the pod's: its labels in Mesos, from which it was adopted, do not tell it.
func (m *Manager) NoteBound(uid, agentID string, priority int32) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range m.byUID[uid] {
		switch {
		case r.key.AgentID == agentID && r.state == Reserved:
			r.pod.Priority = priority
			m.move(r, Bound)
		case r.key.AgentID != agentID && r.open():
			m.dismiss(r, fmt.Errorf("%w: its pod was bound to another node", ErrReleased))
		case r.key.AgentID != agentID:
			r.checked = false
		}
	}
}

// dismiss starts the end of a reservation from whatever state it is in. The
// caller holds mu.
func (m *Manager) dismiss(r *record, why error) {
	switch r.state {
	case Held:
		m.fail(r, why)
	case Reserving:
		// It cannot be called back; confirm() releases it.
		m.unhold(r)
		r.unwanted = why
		r.decide(why)
	case Reserved, Bound:
		if entry := m.log.Check(zap.DebugLevel, "releasing reservation"); entry != nil {
			entry.Write(logFields(r, zap.NamedError(logkeys.Reason, why))...)
		}
		if m.move(r, Releasing) {
			r.decide(why)
			m.linger(r)
		}
	}
}

// fail ends a reservation that does not exist in Mesos. The caller holds mu.
func (m *Manager) fail(r *record, why error) {
	if r.state == Held {
		m.freed[r.key] = true
	}
	m.unhold(r)
	m.endOperation(r)
	m.move(r, Gone)
	r.decide(why)
	m.kick(r.key)
}

// unhold gives up what the cache holds for an open reservation. The caller
// holds mu.
func (m *Manager) unhold(r *record) {
	if r.unwanted == nil {
		m.cache.Unhold(r.uid)
	}
}
