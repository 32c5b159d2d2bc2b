package reservation

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"k8s.io/utils/clock"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/mesos"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/offercache"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

const (
	testCluster   = "cluster-1"
	testPrincipal = "extender"
	testRole      = "k8s/pods"
	generation    = 1
)

var (
	agent1 = offercache.Key{AgentID: "agent-1", Role: testRole}
	agent2 = offercache.Key{AgentID: "agent-2", Role: testRole}
)

var testOptions = Options{
	Rush:    rushHour,
	Cluster: testCluster, Principal: testPrincipal,
	ConfirmTimeout: 5 * time.Second, AuditInterval: time.Minute,
	OrphanGrace: 30 * time.Second, UnboundGrace: time.Minute,
	OperatorAfter: 15 * time.Second, RemainderWait: 3 * time.Second,
}

// amounts returns a vector of whole cpus and MiB.
func amounts(cpus, mem int64) resources.Vector {
	return resources.Scalar(resources.CPUs, resources.Milli(cpus*1000)).
		Add(resources.Scalar(resources.Mem, resources.Milli(mem*1000)))
}

func podOf(uid string) Pod { return Pod{Namespace: "default", Name: "pod-" + uid, UID: uid} }

func unreserved(v resources.Vector) resources.Portion { return resources.Portion{Vector: v} }

// reservedAt is when inHouse has let the first audit pass, and so the time in
// the labels of what a test reserves first.
var reservedAt = time.Date(2000, 1, 1, 0, 0, 2, 0, time.UTC)

// reservedFor is what Mesos shows of a pod's reservation.
func reservedFor(uid string, v resources.Vector) resources.Portion {
	return unreserved(v).Push(layer(testCluster, testRole, testPrincipal, podOf(uid), reservedAt), v)
}

func offerOf(id string, key offercache.Key, portions ...resources.Portion) *resources.Offer {
	return &resources.Offer{ID: id, AgentID: key.AgentID, Role: key.Role, Hostname: "host", Portions: portions}
}

func agentOf(key offercache.Key, reserved ...resources.Portion) mesos.Agent {
	return mesos.Agent{ID: key.AgentID, Active: true, Feedback: true, Reserved: reserved}
}

// house is a running manager with everything around it faked but the cache.
type house struct {
	t *testing.T
	*Manager
	cache    *offercache.Cache
	master   *fakeMaster
	operator *fakeOperator
	pods     *fakePods
	hurried  chan string
	freed    chan offercache.Key
	lost     chan string     // UIDs
	refused  chan string     // UIDs
	waits    chan string     // UIDs
	resized  chan string     // UIDs
	life     context.Context // of the test: what still waits then gives up
}

// inHouse runs a test with a manager that is subscribed and whose master lists
// both agents without reservations. When it ends nothing may be held.
func inHouse(t *testing.T, test func(*testing.T, *house)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.operator.lists(agentOf(agent1), agentOf(agent2))
		h.connect()
		test(t, h)
	})
}

// newHouse starts a manager that is not subscribed yet. It belongs in a
// synctest bubble.
func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{
		t: t, cache: offercache.New(clock.RealClock{}), master: &fakeMaster{}, operator: &fakeOperator{},
		pods:    &fakePods{live: map[string]Liveness{}},
		hurried: make(chan string, 1000), freed: make(chan offercache.Key, 1000),
		lost: make(chan string, 1000), refused: make(chan string, 1000),
		waits: make(chan string, 1000), resized: make(chan string, 1000),
	}
	h.Manager = New(testOptions, Deps{
		Cache: h.cache, Master: h.master, Operator: h.operator, Pods: h.pods,
		Hurry: func(role string) { h.hurried <- role },
		Freed: func(key offercache.Key) { h.freed <- key },
		Lost:  func(pod Pod) { h.lost <- pod.UID }, Refused: func(pod Pod) { h.refused <- pod.UID },
		Waits: func(pod Pod) { h.waits <- pod.UID }, Resized: func(pod Pod) { h.resized <- pod.UID },
		Log: zap.NewNop(), Registerer: prometheus.NewPedanticRegistry(), Clock: clock.RealClock{},
	})
	ctx, cancel := context.WithCancel(context.Background())
	h.life = ctx
	ended := make(chan error, 1)
	go func() { ended <- h.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("Run ended with %v", err)
		}
	})
	return h
}

// connect subscribes and lets the first audit pass.
func (h *house) connect() {
	h.cache.Reset(generation)
	h.Connection(true)
	time.Sleep(2 * auditPause)
	synctest.Wait()
}

// offer brings offers as the Mesos event loop does.
func (h *house) offer(offers ...*resources.Offer) {
	h.Offers(offers, h.cache.Add(generation, offers))
	synctest.Wait()
}

func (h *house) rescind(id string) {
	if key, ok := h.cache.Rescind(generation, id); ok {
		h.Touched(key)
	}
	synctest.Wait()
}

// attempt is a Reserve under way.
type attempt struct {
	req    Request
	hangUp context.CancelFunc
	err    chan error
	waited time.Duration // read after err
}

var errHungUp = errors.New("the caller hung up")

// reserve starts a Reserve and lets it come as far as it can.
func (h *house) reserve(uid string, key offercache.Key, need resources.Vector) *attempt {
	ctx, cancel := context.WithCancelCause(h.life)
	a := &attempt{
		req:    Request{Pod: podOf(uid), Key: key, Need: need},
		hangUp: func() { cancel(errHungUp) },
		err:    make(chan error, 1),
	}
	go func() {
		var err error
		a.waited, err = h.Reserve(ctx, a.req)
		a.err <- err
	}()
	synctest.Wait()
	return a
}

// pending fails the test if the attempt has ended.
func (h *house) pending(a *attempt) {
	h.t.Helper()
	synctest.Wait()
	select {
	case err := <-a.err:
		h.t.Fatalf("Reserve for %s ended with %v, want it to wait", a.req.Pod.UID, err)
	default:
	}
}

// ended returns how the attempt ended, and fails the test if it has not.
func (h *house) ended(a *attempt) error {
	h.t.Helper()
	synctest.Wait()
	select {
	case err := <-a.err:
		return err
	default:
		h.t.Fatalf("Reserve for %s still waits", a.req.Pod.UID)
		return nil
	}
}

func (h *house) mustReserve(a *attempt) {
	h.t.Helper()
	if err := h.ended(a); err != nil {
		h.t.Fatalf("Reserve for %s: %v", a.req.Pod.UID, err)
	}
}

func (h *house) mustFail(a *attempt, want error) {
	h.t.Helper()
	if err := h.ended(a); !errors.Is(err, want) {
		h.t.Fatalf("Reserve for %s ended with %v, want %v", a.req.Pod.UID, err, want)
	}
}

// accepts returns the ACCEPTs sent so far and fails unless there are n.
func (h *house) accepts(n int) []mesos.Accept {
	h.t.Helper()
	synctest.Wait()
	h.master.mu.Lock()
	defer h.master.mu.Unlock()
	if len(h.master.accepts) != n {
		h.t.Fatalf("%d ACCEPTs were sent, want %d: %+v", len(h.master.accepts), n, h.master.accepts)
	}
	return slices.Clone(h.master.accepts)
}

// operation returns an operation of the n-th ACCEPT, counted from one, which
// must be the latest.
func (h *house) operation(n, index int) mesos.Operation {
	h.t.Helper()
	ops := h.accepts(n)[n-1].Operations
	if index >= len(ops) {
		h.t.Fatalf("ACCEPT %d has %d operations, want more than %d", n, len(ops), index)
	}
	return ops[index]
}

// reserves requires that an operation reserves one portion for each of the pods,
// in their order.
func (h *house) reserves(op mesos.Operation, uids ...string) {
	h.t.Helper()
	var got []string
	for _, p := range op.Portions {
		pod, _ := owner(testCluster, p)
		got = append(got, pod.UID)
	}
	if op.Type != mesos.Reserve || !slices.Equal(got, uids) {
		h.t.Fatalf("an operation of type %v is for %v, want a RESERVE for %v", op.Type, got, uids)
	}
}

func (h *house) status(op mesos.Operation, state mesos.OperationState, uuid string) {
	s := mesos.OperationStatus{OperationID: op.ID, State: state, AgentID: agent1.AgentID}
	if uuid != "" {
		s.UUID = []byte(uuid)
	}
	h.Status(s)
	synctest.Wait()
}

func (h *house) finish(op mesos.Operation) { h.status(op, mesos.OperationFinished, "uuid-"+op.ID) }

// bound makes a pod's reservation on agent1 and binds the pod; n is the number
// of its ACCEPT.
func (h *house) bound(n int, uid string, need resources.Vector) {
	h.t.Helper()
	a := h.reserve(uid, agent1, need)
	h.finish(h.operation(n, 0))
	h.mustReserve(a)
	h.pods.set(uid, Liveness{Alive: true, Bound: true, AgentID: agent1.AgentID})
	h.Settle(a.req, PodBound)
}

// state returns where a pod's reservation stands, zero if there is none.
func (h *house) state(uid string, key offercache.Key) State {
	h.mu.Lock()
	defer h.mu.Unlock()
	if r := h.records[id{uid, key}]; r != nil {
		return r.state
	}
	return 0
}

func (h *house) wantState(uid string, key offercache.Key, want State) {
	h.t.Helper()
	synctest.Wait()
	if got := h.state(uid, key); got != want {
		h.t.Fatalf("reservation of %s on %s is %q, want %q", uid, key.AgentID, got, want)
	}
}

// wantQuiet fails unless every record and hold is gone.
func (h *house) wantQuiet() {
	h.t.Helper()
	synctest.Wait()
	if s := h.cache.Stats(); s.HoldsWaiting != 0 || s.HoldsDeparted != 0 {
		h.t.Errorf("cache still holds: %+v", s)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, r := range h.records {
		h.t.Errorf("record left: pod %s on %s is %s", r.uid, r.key.AgentID, r.state)
	}
	if len(h.byKey)+len(h.byUID)+len(h.byOp)+len(h.restless) != 0 {
		h.t.Errorf("indexes left: %d keys, %d UIDs, %d operations, %d restless", len(h.byKey), len(h.byUID), len(h.byOp), len(h.restless))
	}
}
