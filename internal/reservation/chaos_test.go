package reservation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"k8s.io/utils/clock"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/offercache"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

// TestInvariantsUnderChaos lets pods come and go while calls, answers,
// statuses, audits and subscriptions get lost at random. No pod may be bound
// without its reservation, none may lose it while it runs, and when all is
// quiet Mesos holds exactly what the pods that run need.
func TestInvariantsUnderChaos(t *testing.T) {
	for seed := range uint64(20) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { newWorld(t, seed).live() })
		})
	}
}

func (w *world) live() {
	h := &house{t: w.t, cache: offercache.New(clock.RealClock{})}
	opts := testOptions
	opts.Linger = w.linger
	h.Manager = New(opts, Deps{
		Cache: h.cache, Master: w, Operator: w, Pods: w, Hurry: func(string) {},
		Log: zap.NewNop(), Registerer: prometheus.NewPedanticRegistry(), Clock: clock.RealClock{},
	})
	w.house = h
	ctx, cancel := context.WithCancel(context.Background())
	var loops, pods sync.WaitGroup
	loops.Go(func() {
		if err := h.Run(ctx); !errors.Is(err, context.Canceled) {
			w.t.Errorf("Run ended with %v", err)
		}
	})
	w.failOver()
	loops.Go(func() { w.every(ctx, time.Second, w.allocate) })
	loops.Go(func() { w.every(ctx, 10*time.Second, w.resend) })
	storms, calm := context.WithCancel(ctx)
	loops.Go(func() { w.every(storms, 47*time.Second, w.failOver) })
	loops.Go(func() { w.every(storms, 3*time.Second, w.resize) })
	read := reader{on: map[string][]resources.Occupant{}}
	loops.Go(func() { w.every(storms, time.Second, func() { w.catchUp(&read) }) })

	for i := range 60 {
		w.mu.Lock()
		need := amounts(1+w.dice.Int64N(3), 64+w.dice.Int64N(512))
		pod := &worldPod{need: need, floor: need, alive: true}
		w.pods[fmt.Sprint("p", i)] = pod
		w.mu.Unlock()
		pods.Go(func() { w.schedule(fmt.Sprint("p", i), pod, i%4 == 0) })
		time.Sleep(w.between(0, 4*time.Second))
	}
	pods.Wait()
	w.mu.Lock()
	w.calm = true
	w.mu.Unlock()
	calm()
	time.Sleep(10 * time.Minute)
	synctest.Wait()
	w.settled()
	w.upToDate(&read)
	for uid := range w.pods {
		w.remove(uid)
	}
	time.Sleep(10 * time.Minute)
	synctest.Wait()
	w.settled()
	w.upToDate(&read)
	h.wantQuiet()
	cancel()
	loops.Wait()
}

// reader keeps what it was told to read.
type reader struct {
	seen uint64
	on   map[string][]resources.Occupant // by agent ID
}

// catchUp has the reader read what has changed.
func (w *world) catchUp(r *reader) {
	var known bool
	r.seen, known = w.house.Changed(r.seen, func(agentID string) {
		r.on[agentID] = w.house.On(agentID, agentID)
	})
	if !known {
		w.t.Error("the changes of a second are not known")
	}
}

// upToDate compares what the reader has read with all, when all is quiet.
func (w *world) upToDate(r *reader) {
	w.catchUp(r)
	for agentID := range w.agents {
		if diff := cmp.Diff(w.house.On(agentID, agentID), r.on[agentID]); diff != "" {
			w.t.Errorf("%s (-is +was told):\n%s", agentID, diff)
		}
	}
}

func (w *world) every(ctx context.Context, interval time.Duration, do func()) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			do()
		}
	}
}

// schedule is kube-scheduler's and the bind's part for one pod. One that stays
// runs until the end; the others are deleted some time, bound or not.
func (w *world) schedule(uid string, pod *worldPod, stays bool) {
	life := time.AfterFunc(w.between(0, 40*time.Second), func() {
		if !stays {
			w.remove(uid)
		}
	})
	defer life.Stop()
	for range 60 {
		w.mu.Lock()
		agent := fmt.Sprint("agent-", w.dice.IntN(3))
		alive := pod.alive
		w.mu.Unlock()
		if !alive {
			return
		}
		req := Request{Pod: podOf(uid), Key: offercache.Key{AgentID: agent, Role: agent}, Need: pod.need}
		ctx, cancel := context.WithTimeout(context.Background(), w.between(time.Second, 20*time.Second))
		_, err := w.house.Reserve(ctx, req)
		cancel()
		if err == nil && w.bind(uid, pod, req) {
			if !stays {
				time.Sleep(w.between(0, 20*time.Second))
				w.remove(uid)
			}
			return
		}
		time.Sleep(w.between(time.Second, 5*time.Second))
	}
}

// resize changes what a pod that is bound requests; the informer tells a moment
// later.
func (w *world) resize() {
	w.mu.Lock()
	var bound []string
	for uid, pod := range w.pods {
		if pod.alive && pod.agentID != "" {
			bound = append(bound, uid)
		}
	}
	if len(bound) == 0 {
		w.mu.Unlock()
		return
	}
	slices.Sort(bound)
	uid := bound[w.dice.IntN(len(bound))]
	need := amounts(1+w.dice.Int64N(3), 64+w.dice.Int64N(512))
	w.pods[uid].need, w.pods[uid].floor = need, w.pods[uid].floor.Min(need)
	w.mu.Unlock()
	time.Sleep(w.between(0, time.Second))
	w.house.Resize(uid, need)
}

// bind posts a Binding, which may get lost on either way, and reports whether
// the pod is known to be bound.
func (w *world) bind(uid string, pod *worldPod, req Request) bool {
	time.Sleep(w.between(0, 50*time.Millisecond))
	w.mu.Lock()
	outcome := PodRefused
	switch {
	case pod.agentID == req.Key.AgentID:
		outcome = PodBound
	case !pod.alive || pod.agentID != "":
	case w.chance(10):
		outcome = Undecided // and not bound
	default:
		pod.agentID, outcome = req.Key.AgentID, PodBound
		if got := w.agents[pod.agentID].reserved[uid]; !got.Covers(pod.need) {
			w.t.Errorf("pod %s is bound while %s holds %s of %s for it", uid, pod.agentID, got, pod.need)
		}
		if w.chance(10) {
			outcome = Undecided
		}
	}
	w.mu.Unlock()
	w.house.Settle(req, outcome)
	return outcome != Undecided
}

// remove deletes a pod; the informer tells a moment later.
func (w *world) remove(uid string) {
	w.mu.Lock()
	w.pods[uid].alive = false
	w.mu.Unlock()
	time.Sleep(w.between(0, time.Second))
	w.house.Release(uid, "deleted")
}

// settled checks that Mesos holds for the pods that run what they need, and
// nothing else.
func (w *world) settled() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for uid, pod := range w.pods {
		if !pod.alive || pod.agentID == "" {
			continue
		}
		agent := w.agents[pod.agentID]
		if got := agent.reserved[uid]; !pod.need.Covers(got) || agent.free.Covers(pod.need.Sub(got)) && !got.Covers(pod.need) {
			w.t.Errorf("pod %s runs on %s, which holds %s of %s for it, and has %s free", uid, pod.agentID, got, pod.need, agent.free)
		}
		if state := w.house.state(uid, offercache.Key{AgentID: pod.agentID, Role: pod.agentID}); state != Bound {
			w.t.Errorf("reservation of %s, which runs, is %q", uid, state)
		}
	}
	for name, a := range w.agents {
		for uid, v := range a.reserved {
			if p := w.pods[uid]; !p.alive || p.agentID != name {
				w.t.Errorf("%s still holds %s for %s, which does not run there", name, v, uid)
			}
		}
	}
}
