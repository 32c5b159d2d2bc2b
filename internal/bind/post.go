package bind

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/kube"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/reservation"
)

// fenceTimeout is how long the outcome of a Binding that got lost may take to
// be learnt. It comes on top of Options.Timeout.
const fenceTimeout = 5 * time.Second

// post posts the Binding. A Binding whose outcome is unknown is never taken for
// a failure: it may have been stored, or still be on its way, so it is first
// made void.
func (b *Binder) post(ctx context.Context, pod *corev1.Pod, node string, others *waits) (reservation.Outcome, error) {
	if !b.deps.Leading() {
		return reservation.Undecided, ErrNotLeading
	}
	defer others.since(b.deps.Clock, b.deps.Clock.Now())
	err := b.deps.Bindings.Post(ctx, pod, node)
	switch {
	case err == nil:
		return reservation.PodBound, nil
	case errors.Is(err, kube.ErrBoundElsewhere):
		return reservation.PodRefused, ErrElsewhere
	case errors.Is(err, kube.ErrPodGone):
		return reservation.PodRefused, ErrEnded
	}
	return b.fence(ctx, pod, node, fmt.Errorf("post the binding: %w", err))
}

// fence finds out what became of a Binding after cause.
func (b *Binder) fence(ctx context.Context, pod *corev1.Pod, node string, cause error) (reservation.Outcome, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fenceTimeout)
	defer cancel()
	bound, err := b.deps.Bindings.Fence(ctx, pod)
	switch {
	case errors.Is(err, kube.ErrPodGone):
		return reservation.PodRefused, ErrEnded
	case err != nil:
		return reservation.Undecided, cause
	case bound == node:
		return reservation.PodBound, nil
	case bound != "":
		return reservation.PodRefused, ErrElsewhere
	}
	return reservation.PodRefused, cause
}
