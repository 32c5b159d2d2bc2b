package kube

import (
	"context"
	"fmt"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	coordinationv1client "k8s.io/client-go/kubernetes/typed/coordination/v1"
	"k8s.io/client-go/util/retry"
)

// FrameworkID returns the Mesos framework ID kept on the Lease, empty if there
// is none yet.
func (l *Lease) FrameworkID(ctx context.Context) (string, error) {
	lease, err := l.plain().Get(ctx, l.options.Name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read the framework ID: %w", err)
	}
	id := lease.Annotations[FrameworkIDAnnotation]
	l.leases.remember(id)
	return id, nil
}

// SaveFrameworkID keeps the Mesos framework ID on the Lease; an empty one
// removes it. ErrNotLeader if this process does not hold the Lease at that very
// moment, so that a deposed leader never overwrites its successor's ID.
func (l *Lease) SaveFrameworkID(ctx context.Context, id string) error {
	// The elector writes the Lease every RetryPeriod: a conflict is normal.
	err := retry.RetryOnConflict(retry.DefaultBackoff, func() error { return l.saveOnce(ctx, id) })
	if err != nil {
		return fmt.Errorf("save the framework ID: %w", err)
	}
	l.leases.remember(id)
	return nil
}

func (l *Lease) saveOnce(ctx context.Context, id string) error {
	lease, err := l.plain().Get(ctx, l.options.Name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	if holder := lease.Spec.HolderIdentity; holder == nil || *holder != l.options.Identity {
		return ErrNotLeader
	}
	lease = annotated(lease, id)
	_, err = l.plain().Update(ctx, lease, metav1.UpdateOptions{})
	return err
}

// annotated returns a copy of the Lease that carries the framework ID.
func annotated(lease *coordinationv1.Lease, id string) *coordinationv1.Lease {
	lease = lease.DeepCopy()
	if id == "" {
		delete(lease.Annotations, FrameworkIDAnnotation)
		return lease
	}
	metav1.SetMetaDataAnnotation(&lease.ObjectMeta, FrameworkIDAnnotation, id)
	return lease
}

// plain is the client without the fence: saving the framework ID renews
// nothing.
func (l *Lease) plain() coordinationv1client.LeaseInterface {
	return l.leases.LeasesGetter.Leases(l.options.Namespace)
}
