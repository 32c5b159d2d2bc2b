package reservation

import (
	"time"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/offercache"
)

// When binds come thick and fast, those of one agent leave in one ACCEPT at the
// next beat, though they could leave at once. Each waits for half a beat, on
// average, which nobody notices who stands in such a queue; master, agent and we
// are spared most of the calls and the waking up for them.
const (
	rushTime = 160 * time.Millisecond // in which Options.Rush binds are a rush
	beat     = 100 * time.Millisecond // one for all agents
)

// rush knows when binds came, and what is held back. The book's mu guards it.
type rush struct {
	came []time.Time                  // of the latest binds, in a ring
	next int                          // in came: the oldest
	till map[offercache.Key]time.Time // keys held back, and until when
}

func newRush(binds int) rush {
	return rush{came: make([]time.Time, binds), till: map[offercache.Key]time.Time{}}
}

// comes notes that a bind has come.
func (r *rush) comes(now time.Time) {
	if len(r.came) > 0 {
		r.came[r.next] = now
		r.next = (r.next + 1) % len(r.came)
	}
}

// on reports whether there is a rush.
func (r *rush) on(now time.Time) bool {
	return len(r.came) > 0 && now.Sub(r.came[r.next]) <= rushTime
}

// heldBack reports whether what waits at a key shall leave with the next beat.
// Where no offer is in hand there is nothing to hold back, and holds that have
// waited for one long enough leave with it at once. The caller holds mu.
func (m *Manager) heldBack(key offercache.Key, now time.Time) bool {
	till, ok := m.rush.till[key]
	if !ok && m.rush.on(now) && now.Sub(m.firstHeld(key)) < beat {
		till = now.Add(beat - time.Duration(now.UnixNano()%int64(beat)))
	}
	if !now.Before(till) || !m.offered(key) {
		delete(m.rush.till, key)
		return false
	}
	m.rush.till[key] = till
	return true
}

// firstHeld is when the first of the holds at a key came, zero if there are none.
// The caller holds mu.
func (m *Manager) firstHeld(key offercache.Key) (first time.Time) {
	for _, r := range m.byKey[key] {
		if r.state == Held && (first.IsZero() || r.since.Before(first)) {
			first = r.since
		}
	}
	return first
}

// untilBeat is how long the first of those that are held back has to wait, false
// if there is none.
func (m *Manager) untilBeat() (time.Duration, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var first time.Time
	for _, till := range m.rush.till {
		if first.IsZero() || till.Before(first) {
			first = till
		}
	}
	return first.Sub(m.clock.Now()), !first.IsZero()
}

// beats lets those leave whose time has come.
func (m *Manager) beats() {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.clock.Now()
	for key, till := range m.rush.till {
		if !now.Before(till) {
			m.kick(key)
		}
	}
}
