package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kube-mesos-extender/kube-mesos-extender/hack/harness"
	"github.com/kube-mesos-extender/kube-mesos-extender/hack/harness/masterapi"
)

// Shares of the smallest agent, in percent: two pods of the batch fit on it,
// and then the large pod fits nowhere but on an agent that is empty.
const (
	smallShare = 40
	largeShare = 60
)

// large names the pod that has to wait.
const large = "large"

// podOf is a pod of a share, in percent, of the smallest agent.
func (s *story) podOf(name string, share int64) *corev1.Pod {
	cpus, mem := s.smallest(share)
	return harness.Pod(name, fmt.Sprintf("%dm", cpus), fmt.Sprintf("%dMi", mem))
}

// smallest is a share of the smallest agent: millicores and MiB.
func (s *story) smallest(share int64) (cpus, mem int64) {
	for i, agent := range slices.Concat(s.taken, s.free) {
		if i == 0 || agent.Total["cpus"] < cpus {
			cpus = agent.Total["cpus"]
		}
		if i == 0 || agent.Total["mem"] < mem {
			mem = agent.Total["mem"]
		}
	}
	return cpus * share / 100, mem * share / 100 / 1000
}

// batch are as many small pods as the free agents hold.
func (s *story) batch() []*corev1.Pod {
	cpus, mem := s.smallest(smallShare)
	count := int64(0)
	for _, agent := range s.free {
		count += min(agent.Total["cpus"]/max(1, cpus), agent.Total["mem"]/1000/max(1, mem))
	}
	var pods []*corev1.Pod
	for i := range count {
		pods = append(pods, s.podOf(fmt.Sprintf("web-%d", i+1), smallShare))
	}
	return pods
}

// batchIsBound binds pods where offers cover them, and shows their reservations.
func (s *story) batchIsBound(ctx context.Context) error {
	pods := s.batch()
	s.pods = len(pods)
	s.heading("2. A batch of %d pods is bound only where offers cover them", s.pods)
	began := time.Now()
	if err := s.CreatePods(ctx, pods...); err != nil {
		return err
	}
	if err := s.AwaitAllBound(ctx, s.pods, patience); err != nil {
		return err
	}
	rows, err := s.reservations(ctx, began)
	if err != nil {
		return err
	}
	s.table([]string{"POD", "NODE", "AGENT", "CPUS RESERVED", "MEM RESERVED", "BOUND AFTER"}, rows)
	var names []string
	for _, agent := range s.taken {
		names = append(names, s.NodeName(agent.ID))
	}
	s.line("\n  %s belong to the neighbour: no pod was bound there.", strings.Join(names, ", "))
	return nil
}

// reservations lists the pods with what the master has reserved for each, and
// fails if a pod has none or is where it must not be.
func (s *story) reservations(ctx context.Context, began time.Time) ([][]string, error) {
	agents, err := s.Mesos.Agents(ctx)
	if err != nil {
		return nil, err
	}
	byUID := map[string]masterapi.Reservation{}
	for _, r := range masterapi.OfCluster(agents, harness.Cluster) {
		byUID[r.Labels[masterapi.UIDLabel]] = r
	}
	pods, err := s.Pods(ctx)
	if err != nil {
		return nil, err
	}
	var rows [][]string
	for _, pod := range pods {
		r, ok := byUID[string(pod.UID)]
		if !ok || s.NodeName(r.AgentID) != pod.Spec.NodeName {
			return nil, fmt.Errorf("pod %s is bound to %s without a reservation there", pod.Name, pod.Spec.NodeName)
		}
		if slices.ContainsFunc(s.taken, func(agent masterapi.Agent) bool { return agent.ID == r.AgentID }) {
			return nil, fmt.Errorf("pod %s is bound to %s, which the neighbour has reserved", pod.Name, pod.Spec.NodeName)
		}
		at, ok := s.times.At(pod.Name)
		if !ok {
			at = time.Now() // bound, but the watch has not told yet
		}
		rows = append(rows, []string{
			pod.Name, pod.Spec.NodeName, r.AgentID,
			amount(r.Scalars, "cpus"), amount(r.Scalars, "mem") + " MiB", short(at.Sub(began)),
		})
	}
	return rows, nil
}

// largePodWaits shows that a pod too large for what is left stays Pending, and
// that its Event says why.
func (s *story) largePodWaits(ctx context.Context) error {
	pod := s.podOf(large, largeShare)
	requests := pod.Spec.Containers[0].Resources.Requests
	s.heading("3. A pod that is too large for what is left stays Pending")
	s.line("  %s requests %s CPUs and %s of memory.", large, requests.Cpu(), requests.Memory())
	if err := s.CreatePods(ctx, pod); err != nil {
		return err
	}
	var why string
	err := harness.Await(ctx, patience, "an Event that says why", func(ctx context.Context) (err error) {
		why, err = s.RefusalEvent(ctx, large)
		return err
	})
	if err != nil {
		return err
	}
	pod, err = s.Client.CoreV1().Pods(harness.Namespace).Get(ctx, large, metav1.GetOptions{})
	if err != nil {
		return err
	}
	if pod.Spec.NodeName != "" {
		return fmt.Errorf("pod %s was bound to %s", large, pod.Spec.NodeName)
	}
	s.line("  Its Event says: %s", strings.ReplaceAll(why, "\n", " "))
	return nil
}

// neighbourLetsGo shows that the waiting pod is bound once offers cover it.
func (s *story) neighbourLetsGo(ctx context.Context) error {
	s.heading("4. The neighbour lets go, and the pod is bound")
	began := time.Now()
	if err := s.neighbour.LetGo(ctx); err != nil {
		return err
	}
	pod, err := s.AwaitBound(ctx, large, moments)
	if err != nil {
		return err
	}
	s.line("  %s was bound to %s %s after the neighbour let go.", large, pod.Spec.NodeName, took(began))
	return nil
}

// podsGo shows that nothing stays reserved for deleted pods.
func (s *story) podsGo(ctx context.Context) error {
	s.heading("5. The pods are deleted, and every reservation is gone")
	began := time.Now()
	if err := s.DeletePods(ctx, ""); err != nil {
		return err
	}
	err := harness.Await(ctx, patience, "the end of all reservations", func(ctx context.Context) error {
		agents, err := s.Mesos.Agents(ctx)
		if err != nil {
			return err
		}
		if left := len(masterapi.OfCluster(agents, harness.Cluster)); left > 0 {
			return errors.New(fmt.Sprint(left, " are left"))
		}
		return nil
	})
	if err != nil {
		return err
	}
	s.line("  %d pods were deleted; the master lists no reservation of ours %s after the call.", s.pods+1, took(began))
	return nil
}
