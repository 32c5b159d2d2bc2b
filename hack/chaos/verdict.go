package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/kube-mesos-extender/kube-mesos-extender/hack/harness"
	"github.com/kube-mesos-extender/kube-mesos-extender/hack/harness/masterapi"
	"github.com/kube-mesos-extender/kube-mesos-extender/hack/lab"
)

// steady is how long a quiet system is watched: what is right must stay so.
const steady = 5 * time.Second

// verdict is what is wrong at one moment, a line for each.
type verdict struct {
	lost     []string // live bound pods without a reservation on their node
	doubled  []string // pods with more than one
	orphaned []string // reservations without a live pod
	waiting  []string // pods that are not bound, or are yet to complete by themselves
}

// judge compares the pods with what the agents' disks hold.
func judge(pods []corev1.Pod, promises map[harness.Promise]int) verdict {
	var v verdict
	live := map[string]*corev1.Pod{}
	total := map[string]int{}
	for i := range pods {
		if pod := &pods[i]; !ended(pod) {
			live[string(pod.UID)] = pod
		}
	}
	for promise, count := range promises {
		total[promise.UID] += count
		pod := live[promise.UID]
		if pod == nil || pod.Spec.NodeName != "" && pod.Spec.NodeName != promise.Node {
			v.orphaned = append(v.orphaned, fmt.Sprintf("pod %s on %s", promise.UID, promise.Node))
		}
	}
	for uid, count := range total {
		if count > 1 {
			v.doubled = append(v.doubled, uid)
		}
	}
	for uid, pod := range live {
		switch {
		case pod.Spec.NodeName == "" || pod.Annotations[lab.CompleteAfter] != "":
			v.waiting = append(v.waiting, fmt.Sprintf("%s (%s)", pod.Name, uid))
		case promises[harness.Promise{UID: uid, Node: pod.Spec.NodeName}] == 0:
			v.lost = append(v.lost, fmt.Sprintf("%s (%s) on %s", pod.Name, uid, pod.Spec.NodeName))
		}
	}
	return v
}

// err is nil for a quiet system in which all is right.
func (v verdict) err() error {
	var problems []error
	for what, list := range map[string][]string{
		"lost": v.lost, "doubled": v.doubled, "orphaned": v.orphaned, "not bound or not completed": v.waiting,
	} {
		if len(list) > 0 {
			problems = append(problems, fmt.Errorf("%d %s: %q", len(list), what, list))
		}
	}
	return errors.Join(problems...)
}

// court looks at the system.
type court struct {
	*harness.Harness
	disks *harness.Disks
}

// look judges the present moment.
func (c *court) look(ctx context.Context) (verdict, error) {
	pods, err := c.Pods(ctx)
	if err != nil {
		return verdict{}, err
	}
	promises, err := c.disks.Promises()
	if err != nil {
		return verdict{}, err
	}
	return judge(pods, promises), nil
}

// settle waits until all is right, and watches that it stays so. It returns the
// last verdict.
func (c *court) settle(ctx context.Context, within time.Duration) (last verdict, took time.Duration, err error) {
	began := time.Now()
	look := func(ctx context.Context) error {
		v, err := c.look(ctx)
		if err != nil {
			return err
		}
		last = v
		return v.err()
	}
	err = harness.AwaitEvery(ctx, 500*time.Millisecond, within, "a quiet system", look)
	took = time.Since(began)
	for end := time.Now().Add(steady); err == nil && time.Now().Before(end) && sleep(ctx, 250*time.Millisecond); {
		err = look(ctx)
	}
	if err == nil {
		err = c.masterAgrees(ctx)
	}
	return last, took, err
}

// masterAgrees compares the master's own list with the agents' disks.
func (c *court) masterAgrees(ctx context.Context) error {
	agents, err := c.Mesos.Agents(ctx)
	if err != nil {
		return err
	}
	promises, err := c.disks.Promises()
	if err != nil {
		return err
	}
	listed := masterapi.OfCluster(agents, harness.Cluster)
	if len(listed) != len(promises) {
		return fmt.Errorf("the master lists %d reservations, the agents have %d", len(listed), len(promises))
	}
	for _, r := range listed {
		if promises[harness.Promise{UID: r.Labels[masterapi.UIDLabel], Node: r.Hostname}] == 0 {
			return fmt.Errorf("the master lists a reservation for pod %s on %s that the agent has not", r.Labels[masterapi.PodLabel], r.Hostname)
		}
	}
	return nil
}

// empty deletes all pods and waits until nothing is reserved.
func (c *court) empty(ctx context.Context, within time.Duration) error {
	if err := c.DeletePods(ctx, ""); err != nil {
		return err
	}
	return harness.Await(ctx, within, "the end of all reservations", func(ctx context.Context) error {
		v, err := c.look(ctx)
		if err != nil {
			return err
		}
		return v.err()
	})
}
