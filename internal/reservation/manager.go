package reservation

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"k8s.io/utils/clock"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/logkeys"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/mesos"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/offercache"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

// Master is the part of the framework's connection that moves reservations.
type Master interface {
	Accept(context.Context, mesos.Accept) error
	Decline(ctx context.Context, generation uint64, offerIDs []string, refuse time.Duration) error
	Acknowledge(context.Context, mesos.OperationStatus) error
	Reconcile(context.Context, []mesos.OperationRef) error
}

// Operator is the part of the master's operator API that recovery needs.
type Operator interface {
	Agents(context.Context) ([]mesos.Agent, error)
	// Pending lists the RESERVEs on which no agent has reported yet.
	Pending(context.Context) ([]mesos.Pending, error)
	UnreserveByOperator(ctx context.Context, agentID string, portions []resources.Portion) error
}

// Liveness is what the API server says of a pod.
type Liveness struct {
	Alive    bool   // exists under this UID and has neither succeeded nor failed
	AgentID  string // of the node it is bound to, empty if unbound or unmapped
	Bound    bool
	Priority int32
	Need     resources.Vector // what it requests now, empty if that cannot be told
}

// Pods asks the API server, not a cache: what it says decides about releases.
type Pods interface {
	Liveness(context.Context, Pod) (Liveness, error)
}

// Options are the settings of a Manager; all durations must be positive.
type Options struct {
	Cluster   string // value of our label; only reservations with it are touched
	Principal string // of the framework; reservations carry it (trap T10)
	// ConfirmTimeout is how long an operation may stay unanswered before the
	// master is asked about it.
	ConfirmTimeout time.Duration
	// AuditInterval is the time between two reads of the master's agent list.
	AuditInterval time.Duration
	// OrphanGrace is how long a reservation without a live pod is kept.
	OrphanGrace time.Duration
	// UnboundGrace is how long a reservation waits for the Binding of its pod
	// when no bind is running.
	UnboundGrace time.Duration
	// OperatorAfter is how long a release waits for an offer that holds the
	// resources before the operator API is used.
	OperatorAfter time.Duration
	// RemainderWait is how long the rest of an accepted offer is expected back:
	// an allocation interval of the master and then some.
	RemainderWait time.Duration
	// Rush is how many binds within rushTime are a rush, in which those of one
	// agent leave together. With 0 there is none.
	Rush int
	// AdoptFormer has reservations with our label count as ours although they
	// name another principal than Principal. Otherwise they are never touched.
	AdoptFormer bool
	// Linger is how long a reservation that was freed waits for another pod on
	// its agent before it is unreserved for everybody. Zero: not at all.
	Linger time.Duration
}

// Manager is the book of our reservations. Create it with New, feed it from
// the Mesos event loop and the pod informer, and run it with Run.
type Manager struct {
	opts     Options
	cache    *offercache.Cache
	master   Master
	operator Operator
	pods     Pods
	hurry    func(role string)
	released func(offercache.Key)
	watched  func(uid string) bool
	lost     func(Pod)
	refused  func(Pod)
	waits    func(Pod)
	resized  func(Pod)
	log      *zap.Logger
	clock    clock.WithTicker
	metrics  *metrics

	strangers sync.Map // UID → true: reservations of a former principal that were warned of
	occupants sync.Map // offercache.Key → []resources.Occupant, immutable slices
	changes   changes  // of occupants

	mu        sync.Mutex                            // guards everything below
	records   map[id]*record                        // every reservation that is not Gone
	byKey     map[offercache.Key]map[string]*record // agent and role → pod UID → record
	byUID     map[string][]*record                  // pod UID → its records, more than one only while a retry moves nodes
	byOp      map[string][]*record                  // operation ID → the records it moves, immutable slices
	restless  map[*record]struct{}                  // those that offers can help; see file
	gone      map[id]time.Time                      // when a record ended, so that an older audit cannot bring it back
	mute      map[string]bool                       // agent ID → has no operation feedback
	dirty     map[offercache.Key]bool               // keys at which something may leave
	freed     map[offercache.Key]bool               // dirty keys at which a hold was given up
	left      map[offercache.Key]time.Time          // when an ACCEPT last left for a key, for RemainderWait
	onWire    map[offercache.Key]int                // ACCEPTs that were not answered yet
	gathering map[offercache.Key]bool               // keys at which holds wait for such an answer
	rush      rush                                  // of binds
	away      map[string]bool                       // agent IDs on which nobody may count
	connected bool
	// reviewed is set once the master's agent list was read in this
	// subscription, which began at connectedAt.
	reviewed    bool
	connectedAt time.Time

	wake     chan struct{}              // dirty is not empty
	auditNow chan struct{}              // an audit is wanted before its time
	acks     chan mesos.OperationStatus // to be acknowledged

	recovered bool // an audit succeeded and its finds were settled; guarded by mu
}

// Deps are the services a Manager works with.
type Deps struct {
	Cache    *offercache.Cache
	Master   Master
	Operator Operator
	Pods     Pods
	// Hurry is told when binds begin to wait for offers to come: the rest of one
	// that an ACCEPT has used up, or one with a reservation on its way out.
	Hurry func(role string)
	// Freed, if not nil, is told of keys at which a hold was given up, or a
	// reservation is on its way out: what it claimed is free for others.
	Freed func(offercache.Key)
	// Watched, if not nil, reports whether the pod informer knows a pod, and will
	// therefore tell of its end.
	Watched func(uid string) bool
	// Lost and Refused, if not nil, are told of what the owner of a pod must
	// know. They run with the book locked: they must neither block nor call back.
	Lost       func(Pod) // the pod runs, and its reservation is gone
	Refused    func(Pod) // Mesos refused the RESERVE, and will again
	Waits      func(Pod) // the pod was resized, and the offers do not cover that
	Resized    func(Pod) // the reservation of such a pod covers it by now
	Log        *zap.Logger
	Registerer prometheus.Registerer
	Clock      clock.WithTicker
}

// ackBuffer bounds the acknowledgements that wait to be sent. One that does
// not fit is dropped: the agent sends its status again (10, 20, 40 s …).
const ackBuffer = 8192

// New returns a manager with an empty book.
func New(opts Options, deps Deps) *Manager {
	m := &Manager{
		opts: opts, cache: deps.Cache, master: deps.Master, operator: deps.Operator,
		pods: deps.Pods, hurry: deps.Hurry, released: deps.Freed, watched: deps.Watched, log: deps.Log, clock: deps.Clock,
		lost: orIgnore(deps.Lost), refused: orIgnore(deps.Refused),
		waits: orIgnore(deps.Waits), resized: orIgnore(deps.Resized),
		records:   map[id]*record{},
		byKey:     map[offercache.Key]map[string]*record{},
		byUID:     map[string][]*record{},
		byOp:      map[string][]*record{},
		restless:  map[*record]struct{}{},
		gone:      map[id]time.Time{},
		mute:      map[string]bool{},
		dirty:     map[offercache.Key]bool{},
		freed:     map[offercache.Key]bool{},
		left:      map[offercache.Key]time.Time{},
		away:      map[string]bool{},
		onWire:    map[offercache.Key]int{},
		gathering: map[offercache.Key]bool{},
		rush:      newRush(opts.Rush),
		wake:      make(chan struct{}, 1),
		auditNow:  make(chan struct{}, 1),
		acks:      make(chan mesos.OperationStatus, ackBuffer),
	}
	m.metrics = newMetrics(deps.Registerer, m)
	return m
}

func orIgnore(tell func(Pod)) func(Pod) {
	if tell == nil {
		return func(Pod) {}
	}
	return tell
}

// On returns who holds confirmed reservations at an agent in a role. The slice
// is shared and must not be changed. It takes no lock.
func (m *Manager) On(agentID, role string) []resources.Occupant {
	found, ok := m.occupants.Load(offercache.Key{AgentID: agentID, Role: role})
	if !ok {
		return nil
	}
	return found.([]resources.Occupant)
}

// Holds reports whether a pod has a reservation, confirmed or not.
func (m *Manager) Holds(podUID string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.byUID[podUID]) > 0
}

// Changed calls each for the agents for which the answer of On has changed since
// an earlier call returned seen, 0 for the first call, and returns what to pass
// next. It returns false if it does not know them all: then any may have changed.
func (m *Manager) Changed(seen uint64, each func(agentID string)) (next uint64, known bool) {
	return m.changes.since(seen, each)
}

// Wanting counts, per role, the reservations that wait for offers: to be made
// or to be released, unless they linger or that was refused a moment ago.
// Offers of these roles are needed now.
func (m *Manager) Wanting() map[string]int {
	m.mu.Lock()
	defer m.mu.Unlock()
	roles, now := map[string]int{}, m.clock.Now()
	for r := range m.restless {
		if r.state == Held || r.mustLeave(now) || r.canGrow(now) {
			roles[r.key.Role]++
		}
	}
	return roles
}

// Recovered reports whether the reservations of earlier lives are known.
func (m *Manager) Recovered() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.recovered
}

// add enters a record. The caller holds mu.
func (m *Manager) add(r *record) {
	m.records[r.id] = r
	if m.byKey[r.key] == nil {
		m.byKey[r.key] = map[string]*record{}
	}
	m.byKey[r.key][r.uid] = r
	m.byUID[r.uid] = append(m.byUID[r.uid], r)
	m.file(r)
	if r.shows() {
		m.publish(r.key)
	}
}

// move takes a record to another state, or counts and returns an error and
// leaves it. The caller holds mu.
func (m *Manager) move(r *record, to State) bool {
	if err := checkTransition(r.state, to); err != nil {
		m.metrics.illegal.Inc()
		m.log.Error("reservation not moved", logFields(r, zap.Error(err))...)
		return false
	}
	if entry := m.log.Check(zap.DebugLevel, "reservation moves"); entry != nil {
		entry.Write(logFields(r, zap.Stringer("from", r.state), zap.Stringer("to", to))...)
	}
	shown := r.shows()
	r.state, r.since = to, m.clock.Now()
	switch to {
	case Bound:
		r.found = time.Time{} // its pod runs, which needs no proof
		r.decide(nil)
	case Gone:
		m.drop(r)
	}
	m.refit(r)
	if shown || r.shows() {
		m.publish(r.key)
	}
	return true
}

// file keeps the records apart for which offers can do something, a few of
// many: those to be made, to be released, or to follow their pod's request. The
// caller holds mu and calls it after each change of the state or of misfit.
func (m *Manager) file(r *record) {
	if r.state == Held || r.state == Releasing || r.misfit {
		m.restless[r] = struct{}{}
	} else {
		delete(m.restless, r)
	}
}

// drop removes a record that is Gone. The caller holds mu.
func (m *Manager) drop(r *record) {
	delete(m.records, r.id)
	delete(m.byKey[r.key], r.uid)
	if len(m.byKey[r.key]) == 0 {
		delete(m.byKey, r.key)
	}
	m.byUID[r.uid] = slices.DeleteFunc(slices.Clone(m.byUID[r.uid]), func(o *record) bool { return o == r })
	if len(m.byUID[r.uid]) == 0 {
		delete(m.byUID, r.uid)
	}
	m.endOperation(r)
	m.dropGrowth(r)
	m.gone[r.id] = m.clock.Now()
}

// endOperation forgets a record's operation in flight. The caller holds mu.
func (m *Manager) endOperation(r *record) {
	others := slices.DeleteFunc(slices.Clone(m.byOp[r.op.id]), func(o *record) bool { return o == r })
	if len(others) > 0 {
		m.byOp[r.op.id] = others
	} else {
		delete(m.byOp, r.op.id)
	}
	r.op = operation{}
}

// publish renews what readers see of a key. The caller holds mu.
func (m *Manager) publish(key offercache.Key) {
	var on []resources.Occupant
	for _, r := range m.byKey[key] {
		if r.shows() {
			on = append(on, resources.Occupant{UID: r.uid, Priority: r.pod.Priority, Reserved: r.vector()})
		}
	}
	if len(on) > 0 {
		m.occupants.Store(key, on)
	} else {
		m.occupants.Delete(key)
	}
	m.changes.note(key.AgentID)
}

// kick notes that something may leave for, or fail at, a key. The caller
// holds mu.
func (m *Manager) kick(key offercache.Key) {
	m.dirty[key] = true
	signal(m.wake)
}

// signal wakes the owner of a channel of capacity one, once.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func logFields(r *record, more ...zap.Field) []zap.Field {
	return append([]zap.Field{
		zap.Stringer(logkeys.Pod, r.pod), zap.String(logkeys.PodUID, r.uid),
		zap.String(logkeys.AgentID, r.key.AgentID), zap.String(logkeys.Role, r.key.Role),
	}, more...)
}
