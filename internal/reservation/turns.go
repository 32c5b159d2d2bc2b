package reservation

import (
	"time"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/offercache"
)

// Whose turn it is while a bind waits for its reservation. It is Mesos' from
// the moment the ACCEPT is handed to the client until the status of its RESERVE
// comes out of the event loop, so writing the one and reading the other count
// as Mesos'. It is Mesos' too while no offer is in hand that the hold could
// leave with. All other time is ours: taking the hold, waiting for a free
// sender, loading the ACCEPT, waking the bind.

// theirTurn notes that the record waits for Mesos. The caller holds the book's
// mu.
func (r *record) theirTurn(now time.Time) {
	if r.awaits.IsZero() {
		r.awaits = now
	}
}

// ourTurn notes that it no longer does. The caller holds the book's mu.
func (r *record) ourTurn(now time.Time) {
	if !r.awaits.IsZero() {
		r.waited += now.Sub(r.awaits)
		r.awaits = time.Time{}
	}
}

// forgetWaits starts the count anew for another bind. The caller holds the
// book's mu.
func (r *record) forgetWaits(now time.Time) {
	r.waited = 0
	if !r.awaits.IsZero() {
		r.awaits = now
	}
}

// holdsWait notes that the holds which are left at a key wait for offers. The
// caller holds mu.
func (m *Manager) holdsWait(key offercache.Key, now time.Time) {
	for _, r := range m.byKey[key] {
		if r.state == Held {
			r.theirTurn(now)
		}
	}
}

// offersCame notes that the holds at a key need not wait for offers. The caller
// holds mu.
func (m *Manager) offersCame(key offercache.Key, now time.Time) {
	for _, r := range m.byKey[key] {
		if r.state == Held {
			r.ourTurn(now)
		}
	}
}
