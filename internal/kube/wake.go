package kube

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
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
//
// With a node, the pod is nominated for it by the same write: the scheduler then
// looks at that node first, and at no other if it fits. Without, it looks at a
// sample, in a large cluster most likely one without the node whose offers have
// come. A nomination that preemption made is left alone. One that turns out to
// be wrong costs one more look at one node.
func Wake(ctx context.Context, client kubernetes.Interface, pod *corev1.Pod, node string, at time.Time) error {
	if !nominable(pod) {
		node = ""
	}
	if _, err := stamp(ctx, client, pod, node, at); err != nil {
		return fmt.Errorf("wake pod %s: %w", Key(pod), err)
	}
	return nil
}

// nominable reports whether the pod has no nomination, or one of ours.
func nominable(pod *corev1.Pod) bool {
	present := pod.Status.NominatedNodeName
	_, ours, _ := strings.Cut(pod.Annotations[WakeAnnotation], " ")
	return present == "" || present == ours
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
			current, err = stamp(ctx, client, pod, "", at)
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

// stamp writes WakeAnnotation, and with a node the nomination, and returns the
// pod after it. The annotation says which nominations are ours. The status
// subresource takes annotations, too. The UID in the patch makes the
// kube-apiserver refuse it for a pod made anew under the name: 422 since
// metadata.uid is immutable.
func stamp(ctx context.Context, client kubernetes.Interface, pod *corev1.Pod, node string, at time.Time) (*corev1.Pod, error) {
	value, change, subresources := at.UTC().Format(time.RFC3339Nano), map[string]any{}, []string(nil)
	if node != "" {
		value += " " + node
		change["status"] = map[string]string{"nominatedNodeName": node}
		subresources = []string{"status"}
	}
	change["metadata"] = map[string]any{"uid": pod.UID, "annotations": map[string]string{WakeAnnotation: value}}
	patch, err := json.Marshal(change)
	if err != nil {
		return nil, err
	}
	changed, err := client.CoreV1().Pods(pod.Namespace).
		Patch(ctx, pod.Name, types.MergePatchType, patch, metav1.PatchOptions{}, subresources...)
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
