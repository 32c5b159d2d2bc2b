package mesos

import (
	"sync"

	mesos "github.com/mesos/mesos-go/api/v1/lib"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

// allocation is what all offers of one ACCEPT must have in common (trap T4).
type allocation struct{ agentID, role string }

// ledger knows the outstanding offers of one subscription, for the guard. It
// is dropped with the subscription (trap T1).
type ledger struct {
	mu     sync.Mutex // guards offers
	offers map[string]allocation
}

func (l *ledger) add(offers []*resources.Offer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.offers == nil {
		l.offers = make(map[string]allocation, len(offers))
	}
	for _, offer := range offers {
		l.offers[offer.ID] = allocation{offer.AgentID, offer.Role}
	}
}

func (l *ledger) forget(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.offers, id)
}

// spend forgets the offers that a call consumes.
func (l *ledger) spend(ids []mesos.OfferID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range ids {
		delete(l.offers, ids[i].Value)
	}
}

// common returns the allocation of the first known offer, and whether every
// other known one has the same. An unknown ID is left to the master to judge:
// it may have been rescinded a moment ago.
func (l *ledger) common(ids []mesos.OfferID) (first allocation, known, same bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range ids {
		next, ok := l.offers[ids[i].Value]
		if !ok {
			continue
		}
		if known && next != first {
			return first, true, false
		}
		first, known = next, true
	}
	return first, known, true
}
