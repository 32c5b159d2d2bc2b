package bind

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	corev1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/component-helpers/scheduling/corev1"
	"k8s.io/utils/clock"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/crew"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/kube"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/logkeys"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/offercache"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/reservation"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

// Refusals of a bind. Their texts reach the pod's Event through kube-scheduler,
// so they are constant.
var (
	ErrUnknownPod = errors.New("the pod does not exist")
	ErrOtherPod   = errors.New("the pod's UID differs: it was deleted and created again")
	ErrEnded      = errors.New("the pod has ended or is being deleted")
	ErrForeign    = errors.New("the pod belongs to another scheduler")
	ErrElsewhere  = errors.New("the pod is already bound to another node")
	ErrNoAgent    = errors.New("the node has no Mesos agent, or more than one")
	ErrNotLeading = errors.New("this replica no longer leads")
)

// Target is what kube-scheduler asks: this pod on that node.
type Target struct {
	Namespace, Name, UID, Node string
	RequestID                  string // of the call, for the log
}

func (t Target) pod() string { return t.Namespace + "/" + t.Name }

// Pods finds pods. Get may answer from a cache; Live asks the API server.
type Pods interface {
	Get(ctx context.Context, namespace, name string) (*corev1.Pod, error)
	Live(ctx context.Context, namespace, name string) (*corev1.Pod, error)
}

// Bindings writes to the API server; see kube.PostBinding and kube.Fence for
// what their errors mean.
type Bindings interface {
	Post(ctx context.Context, pod *corev1.Pod, node string) error
	Fence(ctx context.Context, pod *corev1.Pod) (node string, err error)
}

// Reserver makes reservations; *reservation.Manager.
type Reserver interface {
	Reserve(context.Context, reservation.Request) (waited time.Duration, err error)
	Settle(reservation.Request, reservation.Outcome)
}

// Deps are the services a Binder works with.
type Deps struct {
	Pods     Pods
	Reserver Reserver
	// Need translates a pod's effective request and names its Mesos role.
	Need func(*corev1.Pod) (need resources.Vector, role string, err error)
	// Agent maps a node to the only agent it stands for.
	Agent    func(node string) (agentID string, ok bool)
	Bindings Bindings
	// Leading is asked again just before the Binding is posted.
	Leading    func() bool
	Log        *zap.Logger
	Registerer prometheus.Registerer
	Clock      clock.Clock
}

// Options are the settings of a Binder.
type Options struct {
	SchedulerName string
	// RefuseForeign refuses pods of other schedulers instead of binding them
	// without a reservation.
	RefuseForeign bool
	// Timeout ends a bind. It must be below the httpTimeout with which
	// kube-scheduler calls: a bind that succeeds after that is booked twice.
	Timeout time.Duration
}

// Binder runs binds. Create it with New and end it with Drain.
type Binder struct {
	opts    Options
	deps    Deps
	metrics *metrics
	crew    *crew.Crew // runs the binds in flight

	mu       sync.Mutex         // guards all below
	flights  map[string]*flight // pod UID → the bind in flight
	draining bool               // no bind may start any more
}

// flight is a bind in flight; err is read after done is closed.
type flight struct {
	node string
	done chan struct{}
	err  error
}

// New returns a Binder with no bind in flight.
func New(opts Options, deps Deps) *Binder {
	return &Binder{
		opts: opts, deps: deps, metrics: newMetrics(deps.Registerer),
		flights: map[string]*flight{}, crew: crew.New(maxIdle),
	}
}

// Bind returns nil once the pod is bound to the node with its reservation
// confirmed. It joins a bind of the same pod that is in flight. If ctx ends
// first, Bind returns but the work goes on: kube-scheduler will ask again.
func (b *Binder) Bind(ctx context.Context, t Target) error {
	if t.UID == "" || t.Node == "" {
		return fmt.Errorf("bind %s: podUID and node must be given", t.pod())
	}
	for {
		f := b.join(ctx, t)
		if f == nil {
			return fmt.Errorf("bind %s: %w", t.pod(), ErrNotLeading)
		}
		select {
		case <-f.done:
		case <-ctx.Done():
			return fmt.Errorf("bind %s: the caller hung up, the bind goes on: %w", t.pod(), context.Cause(ctx))
		}
		if f.node == t.Node {
			return f.err
		}
		if f.err == nil {
			return fmt.Errorf("bind %s: %w", t.pod(), ErrElsewhere)
		}
	}
}

// join returns the pod's bind in flight, starting it if there is none. nil if
// none may start any more.
func (b *Binder) join(ctx context.Context, t Target) *flight {
	b.mu.Lock()
	defer b.mu.Unlock()
	if f, ok := b.flights[t.UID]; ok {
		return f
	}
	if b.draining {
		return nil
	}
	f := &flight{node: t.Node, done: make(chan struct{})}
	b.flights[t.UID] = f
	b.start(context.WithoutCancel(ctx), t, f)
	return f
}

// run does a bind within its time limit, and logs and counts how it ended.
func (b *Binder) run(ctx context.Context, t Target) error {
	ctx, cancel := context.WithTimeout(ctx, b.opts.Timeout)
	defer cancel()
	start := b.deps.Clock.Now()
	var others waits
	err := b.bind(ctx, t, &others)
	took := b.deps.Clock.Since(start)
	agentID, _ := b.deps.Agent(t.Node)
	fields := []zap.Field{
		zap.String(logkeys.Verb, "bind"), zap.String(logkeys.RequestID, t.RequestID),
		zap.String(logkeys.Pod, t.pod()), zap.String(logkeys.PodUID, t.UID),
		zap.String(logkeys.Node, t.Node), zap.String(logkeys.AgentID, agentID),
		zap.Float64(logkeys.Duration, took.Seconds()),
	}
	b.metrics.observe(err, took, took-others.sum)
	if err != nil {
		b.deps.Log.Info("bind failed", append(fields, zap.Error(err))...)
		return fmt.Errorf("bind %s: %w", t.pod(), err)
	}
	b.deps.Log.Info("pod bound", fields...)
	return nil
}

// bind is the path of one bind.
func (b *Binder) bind(ctx context.Context, t Target, others *waits) error {
	pod, err := b.find(ctx, t, others)
	if err != nil {
		return err
	}
	switch {
	case pod.Spec.NodeName == t.Node:
		return nil
	case pod.Spec.NodeName != "":
		return ErrElsewhere
	case pod.DeletionTimestamp != nil || kube.Finished(pod):
		return ErrEnded
	}
	if pod.Spec.SchedulerName != b.opts.SchedulerName {
		return b.passThrough(ctx, pod, t, others)
	}
	req, err := b.request(pod, t)
	if err != nil {
		return err
	}
	waited, err := b.deps.Reserver.Reserve(ctx, req)
	if err != nil {
		return err
	}
	others.sum += waited
	outcome, err := b.post(ctx, pod, t.Node, others)
	b.deps.Reserver.Settle(req, outcome)
	return err
}

// find returns the pod that t means. A cache that lags behind the scheduler's
// is no reason to refuse, so a mismatch is looked at again live.
func (b *Binder) find(ctx context.Context, t Target, others *waits) (*corev1.Pod, error) {
	defer others.since(b.deps.Clock, b.deps.Clock.Now())
	pod, err := b.deps.Pods.Get(ctx, t.Namespace, t.Name)
	if err == nil && string(pod.UID) != t.UID {
		pod, err = b.deps.Pods.Live(ctx, t.Namespace, t.Name)
	}
	switch {
	case errors.Is(err, kube.ErrPodGone):
		return nil, ErrUnknownPod
	case err != nil:
		return nil, fmt.Errorf("read the pod: %w", err)
	case string(pod.UID) != t.UID:
		return nil, ErrOtherPod
	}
	return pod, nil
}

// passThrough binds a pod of another scheduler without a reservation: the
// bind verb belongs to the whole kube-scheduler, not to one profile.
func (b *Binder) passThrough(ctx context.Context, pod *corev1.Pod, t Target, others *waits) error {
	if b.opts.RefuseForeign {
		return ErrForeign
	}
	_, err := b.post(ctx, pod, t.Node, others)
	return err
}

// request translates the pod into what must be reserved.
func (b *Binder) request(pod *corev1.Pod, t Target) (reservation.Request, error) {
	need, role, err := b.deps.Need(pod)
	if err != nil {
		return reservation.Request{}, err
	}
	agentID, ok := b.deps.Agent(t.Node)
	if !ok {
		return reservation.Request{}, ErrNoAgent
	}
	return reservation.Request{
		Pod: reservation.Pod{
			Namespace: t.Namespace, Name: t.Name, UID: t.UID, Priority: schedulingv1.PodPriority(pod),
		},
		Key:  offercache.Key{AgentID: agentID, Role: role},
		Need: need,
	}, nil
}
