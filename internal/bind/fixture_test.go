package bind

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/kube"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/reservation"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

const scheduler = "mesos-scheduler"

var (
	errDown = errors.New("connection refused")
	target  = Target{Namespace: "default", Name: "web", UID: "u1", Node: "node-1"}
)

// podNamed returns the pod that target means, changed.
func podNamed(uid string, change ...func(*corev1.Pod)) *corev1.Pod {
	priority := int32(7)
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web", UID: types.UID(uid)},
		Spec:       corev1.PodSpec{SchedulerName: scheduler, Priority: &priority},
	}
	for _, c := range change {
		c(pod)
	}
	return pod
}

func on(node string) func(*corev1.Pod) {
	return func(pod *corev1.Pod) { pod.Spec.NodeName = node }
}

// fakePods answers with what a cache and the API server hold; nil is no pod.
type fakePods struct {
	cached, live *corev1.Pod
	err          error
}

func (f *fakePods) Get(ctx context.Context, namespace, name string) (*corev1.Pod, error) {
	if f.cached != nil && f.err == nil {
		return f.cached, nil
	}
	return f.Live(ctx, namespace, name)
}

func (f *fakePods) Live(context.Context, string, string) (*corev1.Pod, error) {
	switch {
	case f.err != nil:
		return nil, f.err
	case f.live == nil:
		return nil, kube.ErrPodGone
	}
	return f.live, nil
}

// fakeReserver records what it is asked and answers at once, or when told to.
type fakeReserver struct {
	mu       sync.Mutex
	requests []reservation.Request
	settled  []reservation.Outcome
	err      error
	hold     chan struct{} // if not nil, an answer waits until it is closed
	waited   time.Duration // how much of it is said to be Mesos'
}

func (f *fakeReserver) Reserve(ctx context.Context, r reservation.Request) (time.Duration, error) {
	f.mu.Lock()
	f.requests = append(f.requests, r)
	err, hold, waited := f.err, f.hold, f.waited
	f.mu.Unlock()
	if hold == nil {
		return waited, err
	}
	select {
	case <-hold:
		return waited, err
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
}

func (f *fakeReserver) Settle(_ reservation.Request, o reservation.Outcome) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.settled = append(f.settled, o)
}

// fakeBindings is the API server's side of a Binding.
type fakeBindings struct {
	mu       sync.Mutex
	posted   []string // nodes
	postErr  error
	hangs    bool // Post answers only when its context ends
	delay    time.Duration
	fenced   int
	fenceTo  string
	fenceErr error
}

func (f *fakeBindings) Post(ctx context.Context, _ *corev1.Pod, node string) error {
	f.mu.Lock()
	f.posted = append(f.posted, node)
	f.mu.Unlock()
	if f.hangs {
		<-ctx.Done()
		return context.Cause(ctx)
	}
	time.Sleep(f.delay)
	return f.postErr
}

func (f *fakeBindings) Fence(ctx context.Context, _ *corev1.Pod) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fenced++
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	return f.fenceTo, f.fenceErr
}

// desk is a Binder with everything around it faked.
type desk struct {
	*Binder
	pods     *fakePods
	reserver *fakeReserver
	bindings *fakeBindings
	registry *prometheus.Registry
	leading  bool
	needErr  error
}

// atDesk runs a test in a synctest bubble. The pod exists, waits, and can be
// reserved and bound.
func atDesk(t *testing.T, test func(*testing.T, *desk)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(Options{SchedulerName: scheduler, Timeout: 20 * time.Second})
		test(t, d)
		d.Drain()
		if len(d.flights) != 0 {
			t.Errorf("%d flights left", len(d.flights))
		}
	})
}

func newDesk(opts Options) *desk {
	d := &desk{
		pods:     &fakePods{cached: podNamed("u1"), live: podNamed("u1")},
		reserver: &fakeReserver{}, bindings: &fakeBindings{},
		registry: prometheus.NewPedanticRegistry(), leading: true,
	}
	d.Binder = New(opts, Deps{
		Pods: d.pods, Reserver: d.reserver, Bindings: d.bindings,
		Need: func(*corev1.Pod) (resources.Vector, string, error) {
			return resources.Scalar(resources.CPUs, 500), "k8s/pods", d.needErr
		},
		Agent: func(node string) (string, bool) {
			return map[string]string{"node-1": "agent-1", "node-2": "agent-2"}[node], node != "node-9"
		},
		Leading: func() bool { return d.leading },
		Log:     zap.NewNop(), Registerer: d.registry, Clock: clock.RealClock{},
	})
	return d
}

// start runs a bind of its own and lets it come as far as it can.
func (d *desk) start(ctx context.Context, target Target) <-chan error {
	out := make(chan error, 1)
	go func() { out <- d.Bind(ctx, target) }()
	synctest.Wait()
	return out
}

// outcomes returns how many binds were counted per outcome.
func (d *desk) counted(t *testing.T) map[string]uint64 {
	t.Helper()
	families, err := d.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]uint64{}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			if len(metric.GetLabel()) == 0 {
				continue
			}
			counts[metric.GetLabel()[0].GetValue()] = metric.GetHistogram().GetSampleCount()
		}
	}
	return counts
}
