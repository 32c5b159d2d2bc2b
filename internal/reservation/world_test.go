package reservation

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/mesos"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/offercache"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

// world is a small Mesos and a small Kubernetes that do what the real ones may
// do, at random, and watch the two invariants.
type world struct {
	t     *testing.T
	house *house

	mu         sync.Mutex
	dice       *rand.Rand
	calm       bool // no faults any more
	linger     time.Duration
	generation uint64
	offers     map[string]*resources.Offer
	serial     int
	agents     map[string]*worldAgent
	operations map[string]mesos.OperationState // every operation ID ever seen
	unacked    map[string]mesos.OperationStatus
	pods       map[string]*worldPod
}

type worldAgent struct {
	free     resources.Vector
	reserved map[string]resources.Vector // pod UID → amounts
	layers   map[string]resources.Layer  // pod UID → what it stands under
	mute     bool
}

type worldPod struct {
	need    resources.Vector
	floor   resources.Vector // the least it ever needed
	alive   bool
	agentID string // it is bound to
}

func newWorld(t *testing.T, seed uint64) *world {
	w := &world{
		t: t, dice: rand.New(rand.NewPCG(seed, 1)), offers: map[string]*resources.Offer{},
		agents: map[string]*worldAgent{}, operations: map[string]mesos.OperationState{},
		unacked: map[string]mesos.OperationStatus{}, pods: map[string]*worldPod{},
		linger: time.Duration(seed%3) * 2 * time.Second,
	}
	for i := range 3 {
		w.agents[fmt.Sprint("agent-", i)] = &worldAgent{
			free: amounts(8, 8192), reserved: map[string]resources.Vector{}, layers: map[string]resources.Layer{}, mute: i == 2,
		}
	}
	return w
}

// chance is true in n of 100 cases, unless the world is calm. The caller holds mu.
func (w *world) chance(n int) bool { return !w.calm && w.dice.IntN(100) < n }

func (w *world) between(low, high time.Duration) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return low + time.Duration(w.dice.Int64N(int64(high-low)))
}

// Accept implements Master: an ACCEPT is lost, or executed and its answer
// lost, or executed.
func (w *world) Accept(_ context.Context, a mesos.Accept) error {
	time.Sleep(w.between(0, 100*time.Millisecond))
	w.mu.Lock()
	defer w.mu.Unlock()
	if a.Generation != w.generation {
		return mesos.ErrDisconnected
	}
	if w.chance(5) {
		return errDown
	}
	w.execute(a)
	if w.chance(5) {
		return errDown
	}
	return nil
}

func (w *world) execute(a mesos.Accept) {
	valid := true
	for _, id := range a.OfferIDs {
		if w.offers[id] == nil {
			valid = false
		}
		delete(w.offers, id)
	}
	for _, op := range a.Operations {
		state := mesos.OperationError
		if valid && w.apply(op) {
			state = mesos.OperationFinished
		}
		if op.ID == "" {
			continue
		}
		if _, used := w.operations[op.ID]; used {
			w.t.Errorf("operation ID %s used twice (trap T15)", op.ID)
		}
		w.operations[op.ID] = state
		s := mesos.OperationStatus{OperationID: op.ID, State: state}
		if state == mesos.OperationFinished {
			s.UUID = []byte(op.ID)
			w.unacked[op.ID] = s
		}
		w.tell(s)
	}
}

// apply executes one operation, for all of its pods or for none, on the agent
// that its offers belong to.
func (w *world) apply(op mesos.Operation) bool {
	agent := w.agents[w.agentOfOperation(op)]
	if agent == nil {
		w.t.Errorf("operation on something that is not ours: %+v", op)
		return false
	}
	if w.chance(3) {
		return false
	}
	if op.Type == mesos.Reserve && !agent.free.Covers(total(op.Portions)) {
		return false
	}
	done := true
	for _, p := range op.Portions {
		done = w.applyTo(agent, op.Type, p) && done
	}
	return done
}

func (w *world) applyTo(agent *worldAgent, kind mesos.OperationType, p resources.Portion) bool {
	pod, ok := owner(testCluster, p)
	if !ok {
		w.t.Errorf("operation on something that is not ours: %+v", p)
		return false
	}
	top, _ := p.Top()
	known, exists := agent.layers[pod.UID]
	same := exists && (resources.Portion{Layers: []resources.Layer{top}}).SameStack(resources.Portion{Layers: []resources.Layer{known}})
	if kind == mesos.Unreserve {
		return same && w.unreserve(agent, pod.UID, p.Vector)
	}
	if exists && !same {
		w.t.Errorf("pod %s has two reservations that Mesos does not merge, under %v and %v", pod.UID, known, top)
	}
	return agent.reserve(pod.UID, p.Vector, top)
}

func (a *worldAgent) reserve(uid string, v resources.Vector, top resources.Layer) bool {
	if !a.free.Covers(v) {
		return false
	}
	a.free, a.reserved[uid], a.layers[uid] = a.free.Sub(v), a.reserved[uid].Add(v), top
	return true
}

func (w *world) unreserve(a *worldAgent, uid string, v resources.Vector) bool {
	if !a.reserved[uid].Covers(v) {
		return false
	}
	if p := w.pods[uid]; p.alive && p.agentID != "" && w.agents[p.agentID] == a && !a.reserved[uid].Sub(v).Covers(p.floor) {
		w.t.Errorf("pod %s runs, and its reservation was unreserved", uid)
	}
	a.free = a.free.Add(v)
	if a.reserved[uid] = a.reserved[uid].Sub(v); a.reserved[uid].IsZero() {
		delete(a.reserved, uid)
		delete(a.layers, uid)
	}
	return true
}

// agentOfOperation finds the agent by the role, which each agent has for
// itself in this world: operations do not name agents.
func (w *world) agentOfOperation(op mesos.Operation) string { return op.Role }

// tell brings a status some time later, unless it gets lost.
func (w *world) tell(s mesos.OperationStatus) {
	if w.chance(10) {
		return
	}
	late := time.Duration(w.dice.Int64N(int64(200 * time.Millisecond)))
	time.AfterFunc(late, func() { w.house.Status(s) })
}

// Acknowledge implements Master.
func (w *world) Acknowledge(_ context.Context, s mesos.OperationStatus) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.chance(10) {
		return errDown
	}
	delete(w.unacked, s.OperationID)
	return nil
}

// Reconcile implements Master: the answers carry no uuid, and acknowledged or
// lost operations are unknown.
func (w *world) Reconcile(_ context.Context, refs []mesos.OperationRef) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, ref := range refs {
		state := mesos.OperationUnknown
		if s, pending := w.unacked[ref.OperationID]; pending {
			state = s.State
		}
		w.tell(mesos.OperationStatus{OperationID: ref.OperationID, State: state})
	}
	return nil
}

// Decline implements Master.
func (w *world) Decline(_ context.Context, _ uint64, ids []string, _ time.Duration) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.chance(20) {
		return errDown
	}
	for _, id := range ids {
		delete(w.offers, id)
	}
	return nil
}

// Agents implements Operator.
func (w *world) Agents(context.Context) ([]mesos.Agent, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.chance(20) {
		return nil, errDown
	}
	var out []mesos.Agent
	for name, a := range w.agents {
		agent := mesos.Agent{ID: name, Active: true, Feedback: !a.mute}
		for uid, v := range a.reserved {
			agent.Reserved = append(agent.Reserved, a.portion(uid, v))
		}
		out = append(out, agent)
	}
	return out, nil
}

// Pending implements Operator: here agents execute what they get at once.
func (w *world) Pending(context.Context) ([]mesos.Pending, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.chance(20) {
		return nil, errDown
	}
	return nil, nil
}

// portion is what the agent shows of a pod's reservation.
func (a *worldAgent) portion(uid string, v resources.Vector) resources.Portion {
	return unreserved(v).Push(a.layers[uid], v)
}

// UnreserveByOperator implements Operator.
func (w *world) UnreserveByOperator(_ context.Context, agentID string, portions []resources.Portion) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.chance(30) {
		return errDown
	}
	for _, p := range portions {
		if pod, _ := owner(testCluster, p); !w.unreserve(w.agents[agentID], pod.UID, p.Vector) {
			return fmt.Errorf("409: %s does not hold that", pod.UID)
		}
	}
	w.rescind(agentID)
	return nil
}

// rescind takes the offers of an agent back, whose resources an operator has
// changed. The caller holds mu.
func (w *world) rescind(agentID string) {
	for id, o := range w.offers {
		if o.AgentID == agentID {
			delete(w.offers, id)
			generation := w.generation
			time.AfterFunc(time.Millisecond, func() {
				if key, ok := w.house.cache.Rescind(generation, id); ok {
					w.house.Touched(key)
				}
			})
		}
	}
}

// Liveness implements Pods.
func (w *world) Liveness(_ context.Context, p Pod) (Liveness, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.chance(20) {
		return Liveness{}, errDown
	}
	pod := w.pods[p.UID]
	return Liveness{Alive: pod.alive, Bound: pod.agentID != "", AgentID: pod.agentID, Need: pod.need}, nil
}

// allocate offers what is free or reserved and not on offer, as the master
// does at each interval.
func (w *world) allocate() {
	w.mu.Lock()
	if w.house.cache.Snapshot().Generation() != w.generation {
		w.mu.Unlock()
		return // nobody is subscribed
	}
	on := map[string]bool{}
	for _, o := range w.offers {
		on[o.AgentID] = true
	}
	var fresh []*resources.Offer
	for name, a := range w.agents {
		if on[name] {
			continue
		}
		w.serial++
		o := offerOf(fmt.Sprint("o", w.serial), offercache.Key{AgentID: name, Role: name}, unreserved(a.free))
		for uid, v := range a.reserved {
			o.Portions = append(o.Portions, a.portion(uid, v))
		}
		w.offers[o.ID] = o
		fresh = append(fresh, o)
	}
	generation := w.generation
	w.mu.Unlock()
	w.house.Offers(fresh, w.house.cache.Add(generation, fresh))
}

// resend repeats the statuses that were not acknowledged.
func (w *world) resend() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.unacked {
		w.tell(s)
	}
}

// failOver ends the subscription and begins another.
func (w *world) failOver() {
	w.mu.Lock()
	w.generation, w.offers = w.generation+1, map[string]*resources.Offer{}
	generation := w.generation
	w.mu.Unlock()
	w.house.cache.Reset(0)
	w.house.Connection(false)
	time.Sleep(w.between(0, 2*time.Second))
	w.house.cache.Reset(generation)
	w.house.Connection(true)
}
