package kube

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
)

// attemptTimeout bounds one request about one pod, so that a hung connection
// leaves time for another attempt.
const attemptTimeout = 5 * time.Second

// PostBinding binds the pod to the node and returns nil once the kube-apiserver
// says that it is, by this call or an earlier one. ErrPodGone and
// ErrBoundElsewhere are final. Any other error leaves open whether the pod is,
// or still will be, bound: the caller asks Fence before it undoes anything.
//
// The Binding names the pod's UID and resource version, and both must still
// hold (BindingREST in k8s.io/kubernetes pkg/registry/core/pod/storage). So a
// pod made anew under the same name is never bound by mistake, and Fence can
// void a Binding that got lost. An answer that decides nothing is followed by
// another attempt until ctx ends: a Binding posted twice binds once.
func PostBinding(ctx context.Context, client kubernetes.Interface, pod *corev1.Pod, node string) error {
	err := untilDecided(ctx, func(ctx context.Context) error {
		current, err := postOnce(ctx, client, pod, node)
		if current != nil {
			pod = current
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("bind pod %s to node %s: %w", Key(pod), node, err)
	}
	return nil
}

// postOnce posts the Binding once. A conflict is explained by reading the pod,
// which is returned if the next attempt should go by it.
func postOnce(ctx context.Context, client kubernetes.Interface, pod *corev1.Pod, node string) (*corev1.Pod, error) {
	err := client.CoreV1().Pods(pod.Namespace).Bind(ctx, &corev1.Binding{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: pod.Namespace, Name: pod.Name, UID: pod.UID, ResourceVersion: pod.ResourceVersion,
		},
		Target: corev1.ObjectReference{Kind: "Node", Name: node},
	}, metav1.CreateOptions{})
	if !apierrors.IsConflict(err) && !apierrors.IsNotFound(err) {
		return nil, err
	}
	current, readErr := readSame(ctx, client, pod)
	switch {
	case readErr != nil:
		return nil, readErr
	case current.Spec.NodeName == node:
		return nil, nil
	case current.Spec.NodeName != "":
		return nil, fmt.Errorf("%w: %s", ErrBoundElsewhere, current.Spec.NodeName)
	case len(current.Spec.SchedulingGates) > 0:
		return nil, &refusal{err}
	}
	return current, err
}

// refusal marks an error as final although its kind usually is not.
type refusal struct{ error }

func (r *refusal) Unwrap() error { return r.error }

// readSame reads the pod live. ErrPodGone if its UID is no longer there, or if
// it is being deleted without a node: the kube-apiserver binds no such pod.
func readSame(ctx context.Context, client kubernetes.Interface, pod *corev1.Pod) (*corev1.Pod, error) {
	current, err := client.CoreV1().Pods(pod.Namespace).Get(ctx, pod.Name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		return nil, ErrPodGone
	case err != nil:
		return nil, err
	case current.UID != pod.UID:
		return nil, fmt.Errorf("%w: its name now belongs to another UID", ErrPodGone)
	case current.DeletionTimestamp != nil && current.Spec.NodeName == "":
		return nil, fmt.Errorf("%w: it is being deleted", ErrPodGone)
	}
	return current, nil
}

// untilDecided repeats attempt, each within attemptTimeout, until it returns
// nil or an error that another attempt would not change, or until ctx ends.
func untilDecided(ctx context.Context, attempt func(context.Context) error) error {
	backoff := wait.Backoff{Duration: 50 * time.Millisecond, Factor: 2, Jitter: 0.2, Steps: 5}
	for {
		err := within(ctx, attempt)
		if err == nil || !undecided(err) {
			return err
		}
		timer := time.NewTimer(backoff.Step())
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return errors.Join(context.Cause(ctx), err)
		}
	}
}

func within(ctx context.Context, attempt func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	return attempt(ctx)
}

// undecided reports whether an error says nothing about what became of a
// request, or may be cured by asking again: no answer, 404 for a pod that
// exists, 409, 429, 5xx.
func undecided(err error) bool {
	var final *refusal
	if errors.Is(err, ErrPodGone) || errors.Is(err, ErrBoundElsewhere) || errors.As(err, &final) {
		return false
	}
	var answer apierrors.APIStatus
	if !errors.As(err, &answer) {
		return true
	}
	switch code := answer.Status().Code; code {
	case http.StatusNotFound, http.StatusConflict, http.StatusTooManyRequests:
		return true
	default:
		return code >= http.StatusInternalServerError
	}
}
