package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kube-mesos-extender/kube-mesos-extender/hack/harness"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/kube"
)

const (
	haystack    = 5000
	needles     = 10
	needlePods  = 10
	demandEvery = 8 * time.Second
	eventsSpoil = 2 * time.Second // within which a refusal's Event would be written
)

// needle counts the attempts for pods that fit a few nodes of many.
func needle(ctx context.Context, e *environment) (result, error) {
	h, err := startCluster(ctx, e, "needle", haystack, nil)
	if err != nil {
		return result{}, err
	}
	defer h.Stop()
	if err := reserveAgents(ctx, h, true, needles); err != nil {
		return result{}, err
	}
	if err := h.RunScheduler(ctx, func(map[string]any) {}); err != nil {
		return result{}, err
	}
	began := time.Now()
	if err := awaitLabels(ctx, h); err != nil {
		return result{}, err
	}
	e.logf("nodes without offers are labelled after %s", time.Since(began).Round(time.Second))
	bindings, err := harness.WatchBindings(ctx, h.Client)
	if err != nil {
		return result{}, err
	}
	defer bindings.Stop()
	var times []float64
	worst := 0.0
	for i := range needlePods {
		pod := harness.Pod(fmt.Sprint("needle-", i), "2", "1Gi")
		took, err := createdToBound(ctx, h, bindings, pod)
		if err != nil {
			return result{}, err
		}
		times = append(times, took)
	}
	time.Sleep(eventsSpoil)
	for i := range needlePods {
		refusals, err := refusals(ctx, h, fmt.Sprint("needle-", i))
		if err != nil {
			return result{}, err
		}
		worst = math.Max(worst, float64(1+refusals))
	}
	r := alone(worst)
	r.details.add("bound after ms, p50", median(times))
	r.details.add("pods", needlePods)
	return r, nil
}

// awaitLabels waits until all nodes without offers carry the label. Pods that
// fit nowhere keep offers in demand meanwhile, without which the daemon does not
// learn which nodes have none.
func awaitLabels(ctx context.Context, h *harness.Harness) error {
	tries := 0
	return harness.AwaitEvery(ctx, demandEvery, patience, "nodes without offers labelled", func(ctx context.Context) error {
		tries++
		pod := harness.Pod(fmt.Sprint("waiting-", tries), "1", "1Gi")
		pod.Spec.Containers[0].Ports = []corev1.ContainerPort{{ContainerPort: 80, HostPort: 80}} // no agent has it
		if err := h.CreatePods(ctx, pod); err != nil {
			return err
		}
		list, err := h.Client.CoreV1().Nodes().List(ctx, metav1.ListOptions{LabelSelector: kube.OffersLabel + "=" + kube.NoOffers})
		if err == nil && len(list.Items) < haystack-needles {
			err = fmt.Errorf("%d are", len(list.Items))
		}
		return err
	})
}

// refusals counts how often kube-scheduler tried a pod in vain.
func refusals(ctx context.Context, h *harness.Harness, pod string) (int, error) {
	events, err := h.Client.EventsV1().Events(harness.Namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return 0, err
	}
	times := 0
	for _, event := range events.Items {
		if event.Regarding.Name != pod || event.Reason != "FailedScheduling" {
			continue
		}
		times++
		if event.Series != nil {
			times += int(event.Series.Count) - 1
		}
		if strings.Contains(event.Note, "bind") {
			return 0, errors.New("a bind failed: " + event.Note)
		}
	}
	return times, nil
}
