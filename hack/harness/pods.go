package harness

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	// Namespace is where pods are made.
	Namespace = metav1.NamespaceDefault
	// SchedulerName opts a pod in.
	SchedulerName = "mesos-scheduler"
	// writers is how many pods are created at the same time.
	writers = 16
)

// Pod is a pod of one container that opts in and requests cpu and memory, as
// Kubernetes quantities.
func Pod(name, cpu, memory string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: Namespace},
		Spec: corev1.PodSpec{
			SchedulerName: SchedulerName,
			Containers: []corev1.Container{{
				Name: "main", Image: "example.org/none",
				Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{
					corev1.ResourceCPU: resource.MustParse(cpu), corev1.ResourceMemory: resource.MustParse(memory),
				}},
			}},
		},
	}
}

// CreatePods creates pods, several at a time.
func (h *Harness) CreatePods(ctx context.Context, pods ...*corev1.Pod) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(writers)
	for _, pod := range pods {
		group.Go(func() error {
			if _, err := h.Client.CoreV1().Pods(pod.Namespace).Create(ctx, pod, metav1.CreateOptions{}); err != nil {
				return fmt.Errorf("create pod %s: %w", pod.Name, err)
			}
			return nil
		})
	}
	return group.Wait()
}

// Pods lists all pods.
func (h *Harness) Pods(ctx context.Context) ([]corev1.Pod, error) {
	list, err := h.Client.CoreV1().Pods(Namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	return list.Items, nil
}

// DeletePods deletes all pods that match a label selector ("" for all), without
// a grace period.
func (h *Harness) DeletePods(ctx context.Context, selector string) error {
	return h.Client.CoreV1().Pods(Namespace).DeleteCollection(ctx,
		*metav1.NewDeleteOptions(0), metav1.ListOptions{LabelSelector: selector})
}

// AwaitBound waits until a pod is bound, and returns it.
func (h *Harness) AwaitBound(ctx context.Context, name string, timeout time.Duration) (*corev1.Pod, error) {
	var pod *corev1.Pod
	err := Await(ctx, timeout, "pod "+name+" bound", func(ctx context.Context) (err error) {
		pod, err = h.Client.CoreV1().Pods(Namespace).Get(ctx, name, metav1.GetOptions{})
		if err == nil && pod.Spec.NodeName == "" {
			err = errors.New(whyPending(pod))
		}
		return err
	})
	return pod, err
}

// AwaitAllBound waits until there are count pods and all of them are bound.
func (h *Harness) AwaitAllBound(ctx context.Context, count int, timeout time.Duration) error {
	what := fmt.Sprintf("%d pods bound", count)
	return AwaitEvery(ctx, 250*time.Millisecond, timeout, what, func(ctx context.Context) error {
		pods, err := h.Pods(ctx)
		if err != nil {
			return err
		}
		bound, example := 0, ""
		for _, pod := range pods {
			if pod.Spec.NodeName != "" {
				bound++
			} else if example == "" {
				example = fmt.Sprintf("; %s: %s", pod.Name, whyPending(&pod))
			}
		}
		if bound < count {
			return fmt.Errorf("%d of %d are%s", bound, len(pods), example)
		}
		return nil
	})
}

// whyPending is what kube-scheduler says about a pod that it has not bound.
func whyPending(pod *corev1.Pod) string {
	for _, condition := range pod.Status.Conditions {
		if condition.Type == corev1.PodScheduled && condition.Message != "" {
			return condition.Message
		}
	}
	return "not tried yet"
}

// RefusalEvent is the text of a pod's latest FailedScheduling Event.
func (h *Harness) RefusalEvent(ctx context.Context, name string) (string, error) {
	list, err := h.Client.EventsV1().Events(Namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return "", err
	}
	var latest time.Time
	note := ""
	for _, e := range list.Items {
		at := e.EventTime.Time
		if e.Series != nil {
			at = e.Series.LastObservedTime.Time
		}
		if e.Regarding.Name == name && e.Reason == "FailedScheduling" && !at.Before(latest) {
			latest, note = at, e.Note
		}
	}
	if note == "" {
		return "", fmt.Errorf("pod %s has no FailedScheduling Event", name)
	}
	return note, nil
}
