package demand

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/logkeys"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/mesos"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/offercache"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

// returns are the offers that go back with one filter.
type returns struct {
	why    string
	refuse time.Duration
	ids    []string
}

// decline is a DECLINE to be sent.
type decline struct {
	generation uint64
	ids        []string
	refuse     time.Duration
}

// giveBack declines the offers that nobody needs. Mesos itself never takes an
// offer back for its age, and a held offer counts as ours in everybody's share.
func (m *Manager) giveBack() {
	generation := m.deps.Cache.Snapshot().Generation()
	idle, unused := m.sort(m.deps.Cache.Held(min(m.opts.IdleHold, m.opts.MaxHold)))
	for _, batch := range []returns{
		{"idle", m.opts.IdleRefuse, idle},
		{"unused", m.opts.PendingRefuse, unused},
	} {
		ids := m.deps.Cache.Withdraw(batch.ids)
		if len(ids) == 0 {
			continue
		}
		m.metrics.declines.WithLabelValues(batch.why).Add(float64(len(ids)))
		m.deps.Log.Info("offers declined", zap.String(logkeys.Reason, batch.why), zap.Int(logkeys.Count, len(ids)))
		m.mu.Lock()
		m.undelivered = append(m.undelivered, decline{generation, ids, batch.refuse})
		m.mu.Unlock()
	}
	select {
	case m.declines <- struct{}{}:
	default:
	}
}

// decliner sends the declines whenever there may be some.
func (m *Manager) decliner(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-m.declines:
			m.deliver(ctx)
		}
	}
}

// deliver sends the declines. The cache has forgotten their offers already, so
// one that gets lost would leave them to nobody: it is tried again while the
// subscription lasts. Declining twice does no harm.
func (m *Manager) deliver(ctx context.Context) {
	for d, ok := m.nextDecline(); ok; d, ok = m.nextDecline() {
		err := m.deps.Master.Decline(ctx, d.generation, d.ids, d.refuse)
		if err != nil && !errors.Is(err, mesos.ErrDisconnected) && !errors.Is(err, mesos.ErrDeadly) {
			m.deps.Log.Warn("decline not delivered, will be tried again", zap.Int(logkeys.Count, len(d.ids)), zap.Error(err))
			return
		}
		m.mu.Lock()
		m.undelivered = m.undelivered[1:]
		m.mu.Unlock()
	}
}

func (m *Manager) nextDecline() (decline, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.undelivered) == 0 {
		return decline{}, false
	}
	return m.undelivered[0], true
}

// sort picks the offers to give back from those held: idle ones in roles for
// which nothing waits, beyond the headroom, and ones that were on show for too
// long without being used.
func (m *Manager) sort(held []offercache.HeldOffer) (idle, unused []string) {
	wanting := m.deps.Wanting()
	m.mu.Lock()
	demanded, needs := m.demanded(wanting), m.needs()
	m.mu.Unlock()
	// The oldest are kept as headroom, so that the choice is stable.
	slices.SortFunc(held, func(a, b offercache.HeldOffer) int {
		return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.Offer.AgentID, b.Offer.AgentID))
	})
	now := m.deps.Clock.Now()
	kept := map[string]map[string]bool{} // role → agents kept as headroom
	for _, h := range held {
		age, role := now.Sub(h.Since), h.Offer.Role
		switch {
		case h.Busy:
		case demanded[role] && (age >= patience*m.opts.MaxHold || age >= m.opts.MaxHold && !m.serves(needs, h.Offer)):
			unused = append(unused, h.Offer.ID)
		case !demanded[role] && !m.headroom(kept, h) && age >= m.opts.IdleHold:
			idle = append(idle, h.Offer.ID)
		}
	}
	return idle, unused
}

// patience is how many times MaxHold an offer is kept that covers a pending pod:
// after a failed bind kube-scheduler may come back only seconds later, yet a
// pod that other rules keep from this agent must not hold it for ever.
const patience = 6

// needs are the different requests of the pending pods, by role.
type needs map[string]map[string]resources.Vector

// needs collects what the pending pods request. The caller holds mu.
func (m *Manager) needs() needs {
	all, now := needs{}, m.deps.Clock.Now()
	for _, pod := range m.pending {
		if pod.need.IsZero() || !m.wants(pod, now) {
			continue
		}
		if all[pod.role] == nil {
			all[pod.role] = map[string]resources.Vector{}
		}
		all[pod.role][pod.need.String()] = pod.need
	}
	return all
}

// covered reports whether the offer alone covers a pending pod.
func (n needs) covered(offer *resources.Offer) bool {
	usable := offer.Usable()
	for _, need := range n[offer.Role] {
		if usable.Covers(need) {
			return true
		}
	}
	return false
}

// serves reports whether a pending pod can go to the offer.
func (m *Manager) serves(needs needs, offer *resources.Offer) bool {
	return needs.covered(offer) && m.deps.Usable(offer.AgentID)
}

// headroom reports whether an offer is part of what is kept while idle.
func (m *Manager) headroom(kept map[string]map[string]bool, h offercache.HeldOffer) bool {
	agents := kept[h.Offer.Role]
	if agents == nil {
		agents = map[string]bool{}
		kept[h.Offer.Role] = agents
	}
	if !agents[h.Offer.AgentID] && len(agents) < m.opts.HeadroomAgents {
		agents[h.Offer.AgentID] = true
	}
	return agents[h.Offer.AgentID]
}
