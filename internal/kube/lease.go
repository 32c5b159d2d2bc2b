package kube

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"
)

// The times of the Lease unless set otherwise. A leader that was killed is
// replaced within LeaseDuration and one RetryPeriod, which client-go stretches to
// up to 2.2 times its length, and one that gives the Lease up within the latter
// alone; client-go's customary 15, 10 and 2 seconds would leave pods waiting
// three times as long.
const (
	DefaultLeaseDuration = 5 * time.Second
	DefaultRenewDeadline = 3 * time.Second
	DefaultRetryPeriod   = 500 * time.Millisecond
)

// LeaseOptions names the Lease and who competes for it.
type LeaseOptions struct {
	Namespace, Name string
	// Identity is unique to this process, also over its restarts: a process
	// must not take its predecessor's leadership for its own.
	Identity string
	// LeaseDuration is in whole seconds, as Kubernetes keeps it. Zero means the
	// default for each of the three.
	LeaseDuration, RenewDeadline, RetryPeriod time.Duration
}

// Lease elects one leader among the replicas, and keeps the Mesos framework ID
// where the next leader finds it.
type Lease struct {
	options LeaseOptions
	leases  *fencedLeases
	log     klog.Logger
	leading atomic.Bool // from the start of lead to its end
}

// NewLease checks the options. Nothing is read or written before Run.
func NewLease(client kubernetes.Interface, options LeaseOptions, log *zap.Logger, clk clock.PassiveClock) (*Lease, error) {
	options.LeaseDuration = cmp.Or(options.LeaseDuration, DefaultLeaseDuration)
	options.RenewDeadline = cmp.Or(options.RenewDeadline, DefaultRenewDeadline)
	options.RetryPeriod = cmp.Or(options.RetryPeriod, DefaultRetryPeriod)
	if options.Namespace == "" || options.Name == "" {
		return nil, errors.New("lease: namespace and name must be set")
	}
	if options.LeaseDuration%time.Second != 0 {
		return nil, fmt.Errorf("lease: duration %s is not in whole seconds", options.LeaseDuration)
	}
	l := &Lease{options: options, log: bridge(log), leases: &fencedLeases{
		LeasesGetter: client.CoordinationV1(), identity: options.Identity, duration: options.LeaseDuration, clock: clk,
	}}
	if _, err := l.elector(func(context.Context) {}); err != nil {
		return nil, err
	}
	return l, nil
}

// Run competes for the Lease and calls lead once it is won. It returns after
// lead has returned and the Lease has been given up:
//
//   - nil when ctx ended;
//   - ErrLeaseLost when the Lease could not be renewed; lead's context ended;
//   - lead's own error when lead returned by itself.
//
// The Lease is released only after lead has returned, so that the next leader
// cannot start while binds of this one finish; client-go's own release on
// cancel would not wait. Run may be called again after it returned.
func (l *Lease) Run(ctx context.Context, lead func(context.Context) error) error {
	won := make(chan struct{})
	elector, err := l.elector(func(context.Context) { close(won) })
	if err != nil {
		return err
	}
	// The election outlives ctx: the Lease is renewed while lead winds up.
	electing, stop := context.WithCancel(klog.NewContext(context.WithoutCancel(ctx), l.log))
	over := make(chan struct{})
	go func() {
		defer close(over)
		elector.Run(electing)
	}()
	defer l.release()
	defer func() { stop(); <-over }()
	select {
	case <-ctx.Done():
		return nil
	case <-over:
		return ErrLeaseLost
	case <-won:
	}
	return l.lead(ctx, over, lead)
}

// lead runs the leader's work until it returns; its context ends with ctx or
// when the election is over.
func (l *Lease) lead(ctx context.Context, over <-chan struct{}, lead func(context.Context) error) error {
	leading, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		select {
		case <-over:
			cancel(ErrLeaseLost)
		case <-leading.Done():
		}
	}()
	l.leading.Store(true)
	err := lead(leading)
	l.leading.Store(false)
	lost := errors.Is(context.Cause(leading), ErrLeaseLost)
	cancel(nil)
	<-watched
	switch {
	case lost:
		return ErrLeaseLost
	case errors.Is(err, context.Canceled) && ctx.Err() != nil:
		return nil
	}
	return err
}

// IsLeader reports whether this process leads and nobody else can: a renewal
// that succeeded was sent less than the Lease's duration ago. It goes false by
// itself, even in a process that was frozen meanwhile, so it is asked right
// before anything that only the leader may do.
func (l *Lease) IsLeader() bool { return l.leading.Load() && l.leases.valid() }

// elector makes client-go's elector over the fenced Lease.
func (l *Lease) elector(started func(context.Context)) (*leaderelection.LeaderElector, error) {
	elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Name:          l.options.Name,
		Lock:          l.lock(),
		LeaseDuration: l.options.LeaseDuration,
		RenewDeadline: l.options.RenewDeadline,
		RetryPeriod:   l.options.RetryPeriod,
		Callbacks:     leaderelection.LeaderCallbacks{OnStartedLeading: started, OnStoppedLeading: func() {}},
	})
	if err != nil {
		return nil, fmt.Errorf("lease: %w", err)
	}
	return elector, nil
}

func (l *Lease) lock() *resourcelock.LeaseLock {
	return &resourcelock.LeaseLock{
		LeaseMeta:  metav1.ObjectMeta{Namespace: l.options.Namespace, Name: l.options.Name},
		Client:     l.leases,
		LockConfig: resourcelock.ResourceLockConfig{Identity: l.options.Identity},
	}
}

// release gives the Lease up if this process still holds it, so that the next
// leader need not wait for it to expire. A failure only costs that wait.
func (l *Lease) release() {
	ctx, cancel := context.WithTimeout(context.Background(), l.options.RenewDeadline)
	defer cancel()
	lock := l.lock()
	record, _, err := lock.Get(ctx)
	if err == nil && record.HolderIdentity != l.options.Identity {
		return
	}
	now := metav1.NewTime(l.leases.clock.Now())
	if err == nil {
		err = lock.Update(ctx, resourcelock.LeaderElectionRecord{
			LeaderTransitions: record.LeaderTransitions, LeaseDurationSeconds: 1, RenewTime: now, AcquireTime: now,
		})
	}
	if err != nil {
		l.log.Info("the lease was not released, it will expire", "err", err.Error())
	}
}
