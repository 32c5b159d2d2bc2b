package demand

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"
	"k8s.io/utils/clock"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/offercache"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

// Master is the part of the framework's connection that moves offers.
type Master interface {
	Decline(ctx context.Context, generation uint64, offerIDs []string, refuse time.Duration) error
	Revive(ctx context.Context, roles []string) error
}

// Pod is a pending pod that asked for offers.
type Pod struct {
	Namespace, Name, UID string
	Priority             int32
	Created              time.Time
	Role                 string
	Need                 resources.Vector
}

// ErrGone is what Deps.Wake returns for a pod that does not exist any more.
var ErrGone = errors.New("the pod is gone")

// Options are the settings of a Manager; all durations must be positive.
type Options struct {
	// Roles are those subscribed to. What waits for another one is nobody's
	// demand: Mesos ignores a REVIVE that names a single role it does not
	// expect, and a pod chooses its role itself.
	Roles []string
	// IdleHold is how long an offer is kept in a role for which nothing waits.
	IdleHold time.Duration
	// MaxHold is how long an offer is kept, without being used, while something
	// waits for its role that it does not cover: a pod that fits nowhere must
	// not starve the neighbours for ever. One that covers a pending pod is kept
	// patience times as long.
	MaxHold time.Duration
	// HeadroomAgents is how many agents' offers per role are kept while idle.
	HeadroomAgents int
	// IdleRefuse is the filter on an offer given back while idle. A waiting
	// pod clears it by REVIVE.
	IdleRefuse time.Duration
	// PendingRefuse is the filter on an offer given back while pods wait.
	// Larger offers of the same agent pass it.
	PendingRefuse time.Duration
	// ReviveInterval is the shortest time between two REVIVEs of a role.
	ReviveInterval time.Duration
	// WakeInterval is the time between two rounds of waking; zero wakes nobody.
	// Offers that come in between start at most one more.
	WakeInterval time.Duration
}

// Deps are the services a Manager works with.
type Deps struct {
	Cache  *offercache.Cache
	Master Master
	// Wanting returns, per role, how many reservations wait for offers.
	Wanting func() map[string]int
	// Usable reports whether pods can go to an agent: it stands for a node, and
	// is not drained or about to be maintained. No pod is woken for the offers
	// of one that is not, and they are not kept for long.
	Usable func(agentID string) bool
	// Wake makes kube-scheduler try one pod again, for the offers of the agent.
	// ErrGone if there is no such pod.
	Wake       func(ctx context.Context, pod Pod, agentID string) error
	Log        *zap.Logger
	Registerer prometheus.Registerer
	Clock      clock.WithTicker
}

// Manager keeps supply and demand together. Create it with New, feed it from
// the pod informer, the verbs and the Mesos event loop, run it with Run.
type Manager struct {
	opts    Options
	deps    Deps
	metrics *metrics

	mu        sync.Mutex              // guards everything below
	pending   map[string]pending      // UID → opted-in pods without a node
	refused   map[string]*waiter      // UID → pods that filter refused on every node
	woken     map[string]promise      // UID → what a woken pod is expected to take
	dirty     map[offercache.Key]bool // keys whose offers changed since the last round
	roles     map[string]*roleState   // role → its rate limit
	connected bool

	undelivered []decline // in the order they were made

	changed  chan struct{} // something above calls for a look
	stirred  chan struct{} // dirty is, and pods are refused
	declines chan struct{} // some are undelivered
}

// New returns a Manager to which nothing has happened yet.
func New(opts Options, deps Deps) *Manager {
	m := &Manager{
		opts: opts, deps: deps,
		pending:  map[string]pending{},
		refused:  map[string]*waiter{},
		woken:    map[string]promise{},
		dirty:    map[offercache.Key]bool{},
		roles:    map[string]*roleState{},
		changed:  make(chan struct{}, 1),
		stirred:  make(chan struct{}, 1),
		declines: make(chan struct{}, 1),
	}
	m.metrics = newMetrics(deps.Registerer, m)
	return m
}

// housekeeping is how often offers are looked at for their age.
const housekeeping = 500 * time.Millisecond

// Run works until ctx ends.
func (m *Manager) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return m.supply(ctx) })
	// A DECLINE that hangs must not keep a REVIVE waiting.
	group.Go(func() error { return m.decliner(ctx) })
	if m.opts.WakeInterval > 0 {
		group.Go(func() error { return m.wakeLoop(ctx) })
	}
	return group.Wait()
}

// supply revives roles and returns offers.
func (m *Manager) supply(ctx context.Context) error {
	ticker := m.deps.Clock.NewTicker(housekeeping)
	defer ticker.Stop()
	limit := m.deps.Clock.NewTimer(0)
	defer limit.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-m.changed:
		case <-limit.C():
		case <-ticker.C():
			m.giveBack()
		}
		if wait := m.revive(ctx); wait > 0 {
			limit.Reset(wait)
		}
	}
}

// pending is what an opted-in pod without a node waits for.
type pending struct {
	role  string
	need  resources.Vector
	asked time.Time // when it appeared, or filter was last asked about it
}

// interest is how many times MaxHold a pending pod counts as demand after it
// appeared, or filter was asked about it. kube-scheduler tries a pod that any
// offer could help at least every 10 s; one that it has stopped asking about
// (too large, or without a node by its own rules) must not keep offers from the
// neighbours. Larger offers come all the same, and wake it.
const interest = 2

// Pending tells that an opted-in pod waits for a node: offers of its role are
// needed. need is empty if it cannot be told; no offer is kept for that.
func (m *Manager) Pending(uid, role string, need resources.Vector) {
	m.mu.Lock()
	defer m.mu.Unlock()
	pod := m.pending[uid]
	if pod.role == role {
		pod.need = need
		m.pending[uid] = pod
		return
	}
	m.pending[uid] = pending{role: role, need: need}
	m.ask(uid)
}

// ask notes that a pending pod is being tried: if it had gone out of sight its
// role is revived as for a new one. The caller holds mu.
func (m *Manager) ask(uid string) {
	pod, ok := m.pending[uid]
	if !ok {
		return
	}
	now := m.deps.Clock.Now()
	if !m.wants(pod, now) && slices.Contains(m.opts.Roles, pod.role) {
		m.role(pod.role).reset()
		m.signal()
	}
	pod.asked = now
	m.pending[uid] = pod
}

// wants reports whether offers are held for a pending pod. The caller holds mu.
func (m *Manager) wants(pod pending, now time.Time) bool {
	return now.Sub(pod.asked) < interest*m.opts.MaxHold
}

// Settled tells that a pod no longer waits: bound, ended or deleted.
func (m *Manager) Settled(uid string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.pending, uid)
	delete(m.refused, uid)
	m.release(uid)
}

// Connection tells whether the framework is subscribed. A new subscription
// knows nothing of earlier REVIVEs.
func (m *Manager) Connection(subscribed bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.connected = subscribed
	for _, state := range m.roles {
		state.reset()
	}
	m.signal()
}

// Changed tells that more is free at these keys: offers are new, or a hold was
// given up.
func (m *Manager) Changed(keys []offercache.Key) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.refused) == 0 {
		return
	}
	for _, key := range keys {
		m.dirty[key] = true
	}
	select {
	case m.stirred <- struct{}{}:
	default:
	}
}

// Hurry tells that a bind waits for the rest of an offer that another one has
// just used: REVIVE brings it sooner than the next allocation would.
func (m *Manager) Hurry(role string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.role(role).reset()
	m.signal()
}

// signal makes supply look. The caller holds mu.
func (m *Manager) signal() {
	select {
	case m.changed <- struct{}{}:
	default:
	}
}
