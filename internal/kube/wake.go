package kube

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
)

// Wake makes kube-scheduler try a pending pod again, and no other: it writes
// the time to an annotation of that very pod. A change to a node or to a bound
// pod would wake every pod that was ever refused. The same value twice wakes
// nobody, so at must be a new time. ErrPodGone if the UID is not there.
func Wake(ctx context.Context, client kubernetes.Interface, pod *corev1.Pod, at time.Time) error {
	if _, err := stamp(ctx, client, pod, at); err != nil {
		return fmt.Errorf("wake pod %s: %w", Key(pod), err)
	}
	return nil
}

// Fence settles what PostBinding left open. It returns the node if the pod is
// bound after all. An empty node means that it is not, and that no Binding
// posted before can land any more: the pod was changed, and every Binding names
// the version that it was made from. ErrPodGone if the pod is gone; after any
// other error nothing is known and nothing may be undone. It tries until ctx
// ends.
func Fence(ctx context.Context, client kubernetes.Interface, pod *corev1.Pod, at time.Time) (node string, err error) {
	err = untilDecided(ctx, func(ctx context.Context) error {
		current, err := readSame(ctx, client, pod)
		if err == nil && current.Spec.NodeName == "" {
			current, err = stamp(ctx, client, pod, at)
		}
		if err == nil {
			node = current.Spec.NodeName
		}
		return err
	})
	if err != nil {
		return "", fmt.Errorf("fence pod %s: %w", Key(pod), err)
	}
	return node, nil
}

// stamp writes WakeAnnotation and returns the pod after it. The UID in the
// patch makes the kube-apiserver refuse it for a pod made anew under the name:
// 422 since metadata.uid is immutable.
func stamp(ctx context.Context, client kubernetes.Interface, pod *corev1.Pod, at time.Time) (*corev1.Pod, error) {
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{
		"uid":         pod.UID,
		"annotations": map[string]string{WakeAnnotation: at.UTC().Format(time.RFC3339Nano)},
	}})
	if err != nil {
		return nil, err
	}
	changed, err := client.CoreV1().Pods(pod.Namespace).
		Patch(ctx, pod.Name, types.MergePatchType, patch, metav1.PatchOptions{})
	switch {
	case apierrors.IsNotFound(err):
		return nil, ErrPodGone
	case apierrors.IsInvalid(err):
		return nil, fmt.Errorf("%w: %w", ErrPodGone, err)
	case err != nil:
		return nil, err
	}
	return changed, nil
}
