package demand

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"maps"
	"slices"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/logkeys"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/offercache"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

const (
	// firstGap and maxGap bound the time between two wakes of one pod. The
	// offers may lie on nodes that its own rules exclude, of which we know
	// nothing: then each wake is in vain, and they become rarer.
	firstGap = 250 * time.Millisecond
	maxGap   = 10 * time.Second
	// wakers bounds the wakes that are on their way side by side.
	wakers = 16
	// strangeTime is how long a refused pod may lack among the pending ones:
	// the informer may lag behind kube-scheduler, but a pod that was deleted
	// while it was being filtered is heard of no more.
	strangeTime = time.Minute
	// promiseTime is how long the resources for which a pod was woken are
	// left out of account, until its bind holds them or it is refused again.
	promiseTime = 3 * time.Second
)

// waiter is a refused pod.
type waiter struct {
	Pod
	// fresh: not compared yet with all offers; later only with new ones.
	fresh     bool
	wakes     int // in vain so far
	notBefore time.Time
	awake     bool      // woken, and not refused again since
	seen      time.Time // when it was last refused
}

// vain notes that a wake led to nothing: the next one comes later.
func (w *waiter) vain(now time.Time) {
	w.awake, w.fresh = false, true
	w.notBefore = now.Add(min(firstGap<<min(w.wakes, 10), maxGap))
	w.wakes++
}

// promise is what a woken pod is expected to take.
type promise struct {
	key   offercache.Key
	need  resources.Vector
	until time.Time
}

// Refused tells that filter refused a pod on every node it was shown for want
// of offers. kube-scheduler will not try it again by itself for minutes.
func (m *Manager) Refused(pod Pod) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.release(pod.UID)
	m.ask(pod.UID)
	w, now := m.refused[pod.UID], m.deps.Clock.Now()
	if w == nil {
		w = &waiter{}
		m.refused[pod.UID] = w
	}
	w.Pod, w.fresh, w.seen = pod, true, now
	if w.awake {
		w.vain(now)
	}
}

// release ends a promise: what it kept is there for others, who were compared
// with what was left beside it. The caller holds mu.
func (m *Manager) release(uid string) {
	if p, ok := m.woken[uid]; ok {
		delete(m.woken, uid)
		m.dirty[p.key] = true
	}
}

// Fits tells that filter let a pod pass on some node.
func (m *Manager) Fits(uid string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ask(uid)
	delete(m.refused, uid)
}

// wakeLoop wakes, in rounds, the pods that the offers cover by now: at every
// tick, and between two as soon as offers come, but that not more often.
func (m *Manager) wakeLoop(ctx context.Context) error {
	ticker := m.deps.Clock.NewTicker(m.opts.WakeInterval)
	defer ticker.Stop()
	var extra time.Time // the latest round between two ticks
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-m.stirred:
			if m.deps.Clock.Since(extra) < m.opts.WakeInterval {
				continue
			}
			extra = m.deps.Clock.Now()
		case <-ticker.C():
		}
		var wakes errgroup.Group
		wakes.SetLimit(wakers)
		for _, call := range m.round() {
			wakes.Go(func() error { m.wake(ctx, call); return nil })
		}
		_ = wakes.Wait() // wake logs its own errors
	}
}

// call is a pod to be woken and the agent that covers it.
type call struct {
	Pod
	agentID string
}

// wake wakes one pod. One that could not be woken is tried again when its
// promise has run out.
func (m *Manager) wake(ctx context.Context, pod call) {
	fields := []zap.Field{
		zap.String(logkeys.Pod, pod.Namespace+"/"+pod.Name), zap.String(logkeys.PodUID, pod.UID),
		zap.String(logkeys.AgentID, pod.agentID),
	}
	err := m.deps.Wake(ctx, pod.Pod, pod.agentID)
	if errors.Is(err, ErrGone) {
		m.Settled(pod.UID)
		return
	}
	if err != nil {
		m.deps.Log.Warn("pod not woken", append(fields, zap.Error(err))...)
		return
	}
	m.metrics.wakes.Inc()
	m.deps.Log.Info("pod woken, offers cover it now", append(fields, zap.Stringer(logkeys.Need, pod.Need))...)
}

// round picks the pods to wake: in the order in which kube-scheduler would
// take them, and no more than the offers hold.
func (m *Manager) round() []call {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.refused) == 0 {
		clear(m.dirty)
		return nil
	}
	now := m.deps.Clock.Now()
	m.forgetStrangers(now)
	b := m.newBudget(now)
	dirty := m.dirty
	m.dirty = map[offercache.Key]bool{}
	var picked []call
	for _, w := range m.queue() {
		if w.awake || now.Before(w.notBefore) {
			continue // and stays fresh: its offers may come meanwhile
		}
		key, ok := m.match(w, b, dirty)
		w.fresh = false
		if !ok {
			continue
		}
		b.take(key, w.Need)
		w.awake = true
		m.woken[w.UID] = promise{key, w.Need, now.Add(promiseTime)}
		picked = append(picked, call{w.Pod, key.AgentID})
	}
	return picked
}

// forgetStrangers drops refused pods that do not wait. The caller holds mu.
func (m *Manager) forgetStrangers(now time.Time) {
	for uid, w := range m.refused {
		if _, waits := m.pending[uid]; !waits && now.Sub(w.seen) > strangeTime {
			delete(m.refused, uid)
			m.release(uid)
		}
	}
}

// queue returns the refused pods by priority, oldest first. The caller holds mu.
func (m *Manager) queue() []*waiter {
	out := make([]*waiter, 0, len(m.refused))
	for _, w := range m.refused {
		out = append(out, w)
	}
	slices.SortFunc(out, func(a, b *waiter) int {
		return cmp.Or(cmp.Compare(b.Priority, a.Priority), a.Created.Compare(b.Created), cmp.Compare(a.UID, b.UID))
	})
	return out
}

// match finds a key whose offers cover a pod: among all for a fresh one, among
// those that changed for the others. The caller holds mu.
func (m *Manager) match(w *waiter, b *budget, dirty map[offercache.Key]bool) (offercache.Key, bool) {
	if !w.fresh {
		return m.pick(w, b, maps.Keys(dirty))
	}
	if b.hopeless(w) {
		return offercache.Key{}, false
	}
	key, ok := m.pick(w, b, func(yield func(offercache.Key) bool) {
		for agentID := range b.snapshot.Agents() {
			if !yield(offercache.Key{AgentID: agentID, Role: w.Role}) {
				return
			}
		}
	})
	if !ok && len(b.vain) < maxVain {
		b.vain = append(b.vain, w)
	}
	return key, ok
}

// pick returns the least of the first few keys whose offers cover a pod. Keys
// come in any order: where agents are few the same one is picked each time. The
// caller holds mu.
func (m *Manager) pick(w *waiter, b *budget, keys iter.Seq[offercache.Key]) (least offercache.Key, ok bool) {
	fitting := 0
	for key := range keys {
		if key.Role != w.Role || !b.free(key).Covers(w.Need) || !m.deps.Usable(key.AgentID) {
			continue
		}
		if fitting == 0 || key.AgentID < least.AgentID {
			least = key
		}
		if fitting++; fitting == maxFitting {
			break
		}
	}
	return least, fitting > 0
}

// maxFitting bounds what one pick looks at.
const maxFitting = 8

// budget is what the offers hold beyond what woken pods are about to take.
type budget struct {
	snapshot *offercache.Snapshot
	taken    map[offercache.Key]resources.Vector
	// vain are pods that no agent covers. A round only takes, so none covers
	// a pod that needs as much either: a thousand equal pods cost one search.
	vain []*waiter
}

// maxVain bounds the list of what is known to be in vain.
const maxVain = 32

// hopeless reports whether a search for w is known to end in vain.
func (b *budget) hopeless(w *waiter) bool {
	return slices.ContainsFunc(b.vain, func(v *waiter) bool {
		return v.Role == w.Role && w.Need.Covers(v.Need)
	})
}

// newBudget starts a round. The caller holds mu.
func (m *Manager) newBudget(now time.Time) *budget {
	b := &budget{snapshot: m.deps.Cache.Snapshot(), taken: map[offercache.Key]resources.Vector{}}
	for uid, p := range m.woken {
		if now.After(p.until) {
			m.release(uid)
			if w := m.refused[uid]; w != nil {
				w.vain(now)
			}
			continue
		}
		b.take(p.key, p.need)
	}
	return b
}

func (b *budget) take(key offercache.Key, need resources.Vector) {
	b.taken[key] = b.taken[key].Add(need)
}

func (b *budget) free(key offercache.Key) resources.Vector {
	agent, ok := b.snapshot.Agent(key.AgentID)
	if !ok {
		return resources.Vector{}
	}
	free := agent.Free(key.Role)
	if taken, ok := b.taken[key]; ok {
		return free.Sub(taken)
	}
	return free
}
