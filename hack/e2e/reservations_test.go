package e2e

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/kube-mesos-extender/kube-mesos-extender/hack/harness"
	"github.com/kube-mesos-extender/kube-mesos-extender/hack/harness/masterapi"
)

// requested is what a pod of harness.Pod must have reserved: its requests,
// rounded up to thousandths of a CPU and to whole MiB.
func requested(pod *corev1.Pod) masterapi.Scalars {
	requests := pod.Spec.Containers[0].Resources.Requests
	mem := requests.Memory().Value()
	return masterapi.Scalars{
		"cpus": requests.Cpu().MilliValue(),
		"mem":  (mem + 1<<20 - 1) >> 20 * 1000,
	}
}

// exact compares the master's books with the API server's: every bound pod of
// ours has one reservation, with its UID, on its node's agent, of its size; and
// there is no other. The sums per node then agree as well, and are compared all
// the same.
func exact(ctx context.Context, h *harness.Harness) error {
	pods, err := h.Pods(ctx)
	if err != nil {
		return err
	}
	agents, err := h.Mesos.Agents(ctx)
	if err != nil {
		return err
	}
	owners := map[string]*corev1.Pod{}
	wanted := map[string]masterapi.Scalars{} // node → sum of requests
	for i := range pods {
		pod := &pods[i]
		if pod.Spec.NodeName == "" || pod.Spec.SchedulerName != harness.SchedulerName {
			continue
		}
		owners[string(pod.UID)] = pod
		add(wanted, pod.Spec.NodeName, requested(pod))
	}
	reserved := map[string]masterapi.Scalars{}
	var problems []error
	for _, r := range masterapi.OfCluster(agents, harness.Cluster) {
		uid := r.Labels[masterapi.UIDLabel]
		problems = append(problems, compare(r, owners[uid]))
		delete(owners, uid)
		add(reserved, r.Hostname, r.Scalars)
	}
	for uid, pod := range owners {
		problems = append(problems, fmt.Errorf("pod %s (%s) on %s has no reservation", pod.Name, uid, pod.Spec.NodeName))
	}
	for node, sum := range wanted {
		if !same(sum, reserved[node]) {
			problems = append(problems, fmt.Errorf("node %s: pods request %v, %v is reserved", node, sum, reserved[node]))
		}
	}
	return errors.Join(problems...)
}

// compare judges one reservation; owner is nil where no bound pod has its UID,
// or where another reservation was found for it before.
func compare(r masterapi.Reservation, owner *corev1.Pod) error {
	name := r.Labels[masterapi.PodLabel]
	switch {
	case owner == nil:
		return fmt.Errorf("reservation of %v on %s for pod %s is one too many", r.Scalars, r.Hostname, name)
	case owner.Spec.NodeName != r.Hostname:
		return fmt.Errorf("pod %s is bound to %s, its reservation is on %s", name, owner.Spec.NodeName, r.Hostname)
	case !same(requested(owner), r.Scalars):
		return fmt.Errorf("pod %s requests %v, %v is reserved", name, requested(owner), r.Scalars)
	case name != owner.Name || r.Labels[masterapi.NamespaceLabel] != owner.Namespace:
		return fmt.Errorf("pod %s/%s has a reservation labelled %v", owner.Namespace, owner.Name, r.Labels)
	}
	return nil
}

func add(sums map[string]masterapi.Scalars, key string, amounts masterapi.Scalars) {
	if sums[key] == nil {
		sums[key] = masterapi.Scalars{}
	}
	for name, amount := range amounts {
		sums[key][name] += amount
	}
}

func same(a, b masterapi.Scalars) bool { return a["cpus"] == b["cpus"] && a["mem"] == b["mem"] }

// awaitExact waits until the books agree: a bind that failed half-way may take
// a moment to be undone.
func awaitExact(t *testing.T, h *harness.Harness) {
	t.Helper()
	err := harness.AwaitEvery(t.Context(), 250*time.Millisecond, patience, "one reservation per bound pod and no other",
		func(ctx context.Context) error { return exact(ctx, h) })
	must(t, err)
}

// deleteAll deletes all pods and waits until no reservation of ours is left.
func deleteAll(t *testing.T, h *harness.Harness) {
	t.Helper()
	began := time.Now()
	must(t, h.DeletePods(t.Context(), ""))
	deleted := time.Since(began)
	err := harness.AwaitEvery(t.Context(), 100*time.Millisecond, patience, "no reservation left", func(ctx context.Context) error {
		agents, err := h.Mesos.Agents(ctx)
		if err != nil {
			return err
		}
		if left := masterapi.OfCluster(agents, harness.Cluster); len(left) > 0 {
			return fmt.Errorf("%d are left, one on %s for pod %s", len(left), left[0].Hostname, left[0].Labels[masterapi.PodLabel])
		}
		return nil
	})
	must(t, err)
	t.Logf("pods deleted in %s, the last reservation was gone %s after the call",
		deleted.Round(time.Millisecond), time.Since(began).Round(time.Millisecond))
}
