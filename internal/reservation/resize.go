package reservation

import (
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

// growSuffix marks the hold of what a bound pod wants beyond its reservation.
const growSuffix = "/growth"

// Resize tells what a pod requests now. The reservation of a bound pod follows
// it: the surplus is unreserved, and a shortage is reserved under the same
// labels, which Mesos merges, as soon as the offers allow. It does nothing for
// a pod that has no reservation, or one of that size.
func (m *Manager) Resize(uid string, need resources.Vector) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range m.byUID[uid] {
		if !r.want.Equal(need) {
			r.want = need.Clone()
			if r.state == Bound {
				r.due = m.clock.Now()
			}
			m.refit(r)
		}
	}
}

// refit compares what a bound pod has with what it wants. The caller holds mu.
func (m *Manager) refit(r *record) {
	defer m.file(r)
	// An adopted reservation of which only an offer told may have parts that
	// the offer did not show.
	misfit := r.state == Bound && r.whole && !r.want.IsZero() && !r.vector().Equal(r.want)
	if misfit {
		if !r.misfit {
			r.due = m.clock.Now()
			m.log.Info("reservation does not fit its pod's request any more",
				logFields(r, zap.Stringer(logkeys.Need, r.want))...)
		}
		r.misfit = true
		m.kick(r.key)
		return
	}
	if r.misfit {
		m.kick(r.key)
	}
	r.misfit = false
	if !r.op.inFlight() {
		m.dropGrowth(r)
	}
	if r.short && r.state == Bound {
		m.resized(r.pod)
	}
	r.short = false
}

// excess returns the surplus of a misfit, taken from what has the fewest layers
// first: what an ancestor of our role had reserved is kept.
func (r *record) excess() []resources.Portion {
	surplus := r.vector().Sub(r.want)
	order := slices.Clone(r.portions)
	slices.SortStableFunc(order, func(a, b resources.Portion) int { return len(a.Layers) - len(b.Layers) })
	var out []resources.Portion
	for _, p := range order {
		if part := p.Vector.Min(surplus); !part.IsZero() {
			out = append(out, resources.Portion{Layers: p.Layers, Vector: part})
			surplus = surplus.Sub(part)
		}
	}
	return out
}

// canGrow reports whether more may be reserved for a bound pod now. What it has
// too much of goes first.
func (r *record) canGrow(now time.Time) bool {
	return r.misfit && !r.op.inFlight() && !now.Before(r.notBefore) && len(r.surplus()) == 0
}

// grow holds what bound pods at a key want beyond what they have. The caller
// holds mu.
func (m *Manager) grow(key offercache.Key, now time.Time) {
	for _, uid := range slices.Sorted(maps.Keys(m.byKey[key])) {
		r := m.byKey[key][uid]
		if !r.canGrow(now) {
			continue
		}
		shortage := r.want.Sub(r.vector())
		if r.growth.Equal(shortage) {
			continue // it waits already
		}
		m.dropGrowth(r)
		if err := m.cache.Hold(uid+growSuffix, key, shortage); err != nil {
			m.tellShort(r)
			continue
		}
		r.growth = shortage
	}
}

// tellShort tells once that a pod waits for offers to grow, if it has waited
// for longer than offers take that were only asked for. The caller holds mu.
func (m *Manager) tellShort(r *record) {
	if r.short || m.clock.Since(r.due) < m.opts.RemainderWait {
		return
	}
	r.short = true
	m.log.Info("offers do not cover what the pod requests by now", logFields(r, zap.Stringer(logkeys.Need, r.want))...)
	m.waits(r.pod)
}

// dropGrowth gives up what the cache holds for a bound pod. The caller holds mu.
func (m *Manager) dropGrowth(r *record) {
	if !r.growth.IsZero() {
		m.cache.Unhold(r.uid + growSuffix)
		r.growth = resources.Vector{}
	}
}

// failGrowth ends the wait of a growing pod whose offers are gone. The caller
// holds mu.
func (m *Manager) failGrowth(hold string, key offercache.Key) {
	if r := m.records[id{strings.TrimSuffix(hold, growSuffix), key}]; r != nil {
		m.dropGrowth(r)
		m.tellShort(r)
	}
}

// loadGrowth adds the RESERVE of what a bound pod wants beyond what it has, and
// reports whether the piece is such. The caller holds mu.
func (m *Manager) loadGrowth(l *load, key offercache.Key, piece offercache.Reserve) bool {
	uid, growing := strings.CutSuffix(piece.PodUID, growSuffix)
	if !growing {
		return false
	}
	r := m.records[id{uid, key}]
	if r == nil || !r.canGrow(l.at) {
		m.cache.Unhold(piece.PodUID)
		if r != nil {
			r.growth = resources.Vector{}
		}
		return true
	}
	m.loadOperation(l, r, mesos.Reserve, pushed(piece.Portions, m.sameLayer(r, l.at)))
	return true
}

// sameLayer is the layer that the pod's reservation has, so that Mesos merges
// the two. One of a former principal cannot be added to: Mesos demands ours.
func (m *Manager) sameLayer(r *record, now time.Time) resources.Layer {
	for _, p := range r.portions {
		if top, ok := p.Top(); ok && top.Principal == m.opts.Principal {
			return top
		}
	}
	return layer(m.opts.Cluster, r.key.Role, m.opts.Principal, r.pod, now)
}

// grown notes that the RESERVE of a growth was executed. The caller holds mu.
func (m *Manager) grown(r *record, portions []resources.Portion) {
	m.dropGrowth(r)
	r.portions = with(r.portions, portions)
	m.metrics.resizes.WithLabelValues("grown").Inc()
	m.publish(r.key)
	m.refit(r)
	m.kick(r.key)
}
