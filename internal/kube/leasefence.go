package kube

import (
	"context"
	"sync"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	coordinationv1client "k8s.io/client-go/kubernetes/typed/coordination/v1"
	"k8s.io/utils/clock"
)

// fencedLeases is the client that the elector writes the Lease through. It
// measures for how long a successful write makes us the leader, and puts the
// framework ID on a Lease that has to be made anew.
//
// client-go counts from the moment the answer arrived, so an answer that was
// long under way would let two processes lead at once; we count from when the
// request left.
type fencedLeases struct {
	coordinationv1client.LeasesGetter
	identity string
	duration time.Duration
	clock    clock.PassiveClock

	mu          sync.Mutex // guards the rest
	until       time.Time  // our leadership ends unless renewed; zero if not held
	frameworkID string     // as last read or saved
}

// Leases implements coordinationv1client.LeasesGetter.
func (f *fencedLeases) Leases(namespace string) coordinationv1client.LeaseInterface {
	return &fencedLease{LeaseInterface: f.LeasesGetter.Leases(namespace), fence: f}
}

// valid reports whether the last successful write still makes us the leader.
func (f *fencedLeases) valid() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.clock.Now().Before(f.until)
}

// written notes a write of the Lease that was sent at the given time.
func (f *fencedLeases) written(lease *coordinationv1.Lease, sent time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.until = time.Time{}
	if holder := lease.Spec.HolderIdentity; holder != nil && *holder == f.identity {
		f.until = sent.Add(f.duration)
	}
}

func (f *fencedLeases) remember(frameworkID string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.frameworkID = frameworkID
}

func (f *fencedLeases) remembered() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.frameworkID
}

// fencedLease fences the two writes that resourcelock.LeaseLock makes.
type fencedLease struct {
	coordinationv1client.LeaseInterface
	fence *fencedLeases
}

// Create adds the framework ID: LeaseLock creates a Lease that was deleted
// under the leader without its annotations.
func (l *fencedLease) Create(ctx context.Context, lease *coordinationv1.Lease, opts metav1.CreateOptions) (*coordinationv1.Lease, error) {
	if id := l.fence.remembered(); id != "" {
		metav1.SetMetaDataAnnotation(&lease.ObjectMeta, FrameworkIDAnnotation, id)
	}
	sent := l.fence.clock.Now()
	created, err := l.LeaseInterface.Create(ctx, lease, opts)
	if err == nil {
		l.fence.written(created, sent)
	}
	return created, err
}

// Update keeps the annotations: LeaseLock changes the spec of the Lease that it
// last read, and a Lease that somebody changed since is refused and read again.
func (l *fencedLease) Update(ctx context.Context, lease *coordinationv1.Lease, opts metav1.UpdateOptions) (*coordinationv1.Lease, error) {
	sent := l.fence.clock.Now()
	updated, err := l.LeaseInterface.Update(ctx, lease, opts)
	if err == nil {
		l.fence.written(updated, sent)
	}
	return updated, err
}
