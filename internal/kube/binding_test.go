package kube

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/kube/kubetest"
)

const binding = "pods/binding"

var (
	errLost    = errors.New("connection reset by peer")
	errTimeout = apierrors.NewTimeoutError("the request timed out", 1)
)

// read returns the cluster's pod "a".
func read(t *testing.T, cluster *kubetest.Cluster) *corev1.Pod {
	t.Helper()
	pod, err := cluster.Client().CoreV1().Pods("default").Get(t.Context(), "a", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return pod
}

// with returns the pod "a" of UID uid-a as edited.
func with(edit func(*corev1.Pod)) *corev1.Pod {
	pod := newPod("a", "uid-a")
	edit(pod)
	return pod
}

func TestPostBinding(t *testing.T) {
	forbidden := apierrors.NewForbidden(corev1.Resource("pods"), "a", errors.New("no such rule"))
	cases := map[string]struct {
		stored *corev1.Pod // nil: the pod does not exist
		stale  bool        // the caller holds an old resource version
		faults func(*kubetest.Cluster)
		want   error // nil: bound to our node
		calls  int   // Bindings posted
	}{
		"bound at once":                    {stored: newPod("a", "uid-a"), calls: 1},
		"409, already on our node":         {stored: with(func(p *corev1.Pod) { p.Spec.NodeName = "node" }), calls: 1},
		"409, on another node":             {stored: with(func(p *corev1.Pod) { p.Spec.NodeName = "other" }), want: ErrBoundElsewhere, calls: 1},
		"409, made anew with another UID":  {stored: with(func(p *corev1.Pod) { p.UID = "uid-b" }), want: ErrPodGone, calls: 1},
		"409, anew and on our node":        {stored: with(func(p *corev1.Pod) { p.UID = "uid-b"; p.Spec.NodeName = "node" }), want: ErrPodGone, calls: 1},
		"409, being deleted without node":  {stored: with(deleting), want: ErrPodGone, calls: 1},
		"409, gated again":                 {stored: with(gated), want: errGated, calls: 1},
		"409, the pod changed meanwhile":   {stored: newPod("a", "uid-a"), stale: true, calls: 2},
		"404":                              {want: ErrPodGone, calls: 1},
		"403 is not repeated":              {stored: newPod("a", "uid-a"), faults: failing(-1, forbidden), want: forbidden, calls: 1},
		"lost before it took effect":       {stored: newPod("a", "uid-a"), faults: failing(2, errLost), calls: 3},
		"504 before it took effect":        {stored: newPod("a", "uid-a"), faults: failing(1, errTimeout), calls: 2},
		"lost after it took effect":        {stored: newPod("a", "uid-a"), faults: losing(1, errLost), calls: 2},
		"504 after it took effect":         {stored: newPod("a", "uid-a"), faults: losing(1, errTimeout), calls: 2},
		"409 that cannot be explained yet": {stored: with(func(p *corev1.Pod) { p.Spec.NodeName = "node" }), faults: unread, calls: 2},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cluster, pod := kubetest.New(), newPod("a", "uid-a")
				if tc.stored != nil {
					cluster = kubetest.New(tc.stored)
					pod.ResourceVersion = read(t, cluster).ResourceVersion
				}
				if tc.stale {
					pod.ResourceVersion = "1"
				}
				if tc.faults != nil {
					tc.faults(cluster)
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				err := PostBinding(ctx, cluster.Client(), pod, "node")
				check(t, err, tc.want)
				if got := cluster.Calls("create", binding); got != tc.calls {
					t.Errorf("%d Bindings were posted, want %d", got, tc.calls)
				}
				cluster.Heal()
				if tc.want == nil && read(t, cluster).Spec.NodeName != "node" {
					t.Error("reported as bound but is not")
				}
			})
		})
	}
}

// errGated stands for any error that is neither of the two final outcomes.
var errGated = errors.New("some other error")

func check(t *testing.T, got, want error) {
	t.Helper()
	if errors.Is(want, errGated) {
		if got == nil || errors.Is(got, ErrPodGone) || errors.Is(got, ErrBoundElsewhere) {
			t.Errorf("PostBinding = %v, want an error that decides nothing", got)
		}
		return
	}
	if !errors.Is(got, want) {
		t.Errorf("PostBinding = %v, want %v", got, want)
	}
}

func deleting(p *corev1.Pod) {
	p.DeletionTimestamp, p.Finalizers = &metav1.Time{Time: time.Now()}, []string{"test/hold"}
}
func gated(p *corev1.Pod) { p.Spec.SchedulingGates = []corev1.PodSchedulingGate{{Name: "quota"}} }

func failing(times int, err error) func(*kubetest.Cluster) {
	return func(c *kubetest.Cluster) { c.Fail("create", binding, times, err) }
}

func losing(times int, err error) func(*kubetest.Cluster) {
	return func(c *kubetest.Cluster) { c.LoseAnswer("create", binding, times, err) }
}

func unread(c *kubetest.Cluster) { c.Fail("get", "pods", 1, errLost) }

func TestPostBindingGivesUpUndecided(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cluster := kubetest.New(newPod("a", "uid-a"))
		cluster.Fail("create", binding, -1, errLost)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		started := time.Now()
		err := PostBinding(ctx, cluster.Client(), read(t, cluster), "node")
		if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, errLost) {
			t.Errorf("PostBinding = %v, want the deadline and what went wrong last", err)
		}
		if took := time.Since(started); took != 10*time.Second {
			t.Errorf("gave up after %s, want the caller's 10 s", took)
		}
		// 0.05, 0.1, 0.2, 0.4, 0.8 s and then every 0.8 s or more: never a storm.
		if calls := cluster.Calls("create", binding); calls < 8 || calls > 17 {
			t.Errorf("%d Bindings were posted in 10 s", calls)
		}
	})
}

func TestFenceVoidsALostBinding(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cluster := kubetest.New(newPod("a", "uid-a"))
		pod := read(t, cluster)
		cluster.Fail("get", "pods", 1, errTimeout)
		node, err := Fence(t.Context(), cluster.Client(), pod, time.Now())
		if err != nil || node != "" {
			t.Fatalf("Fence = %q, %v; want a pod that is not bound", node, err)
		}
		// The Binding that was under way all the time arrives now.
		late := &corev1.Binding{
			ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "a", UID: pod.UID, ResourceVersion: pod.ResourceVersion},
			Target:     corev1.ObjectReference{Kind: "Node", Name: "node"},
		}
		err = cluster.Client().CoreV1().Pods("default").Bind(t.Context(), late, metav1.CreateOptions{})
		if !apierrors.IsConflict(err) || read(t, cluster).Spec.NodeName != "" {
			t.Errorf("the late Binding got %v; want a conflict and a pod without a node", err)
		}
	})
}

func TestFence(t *testing.T) {
	cases := map[string]struct {
		stored *corev1.Pod
		node   string
		err    error
		wrote  bool
	}{
		"bound after all is left alone": {stored: with(func(p *corev1.Pod) { p.Spec.NodeName = "node" }), node: "node"},
		"not bound is changed":          {stored: newPod("a", "uid-a"), wrote: true},
		"another UID":                   {stored: with(func(p *corev1.Pod) { p.UID = "uid-b" }), err: ErrPodGone},
		"being deleted without node":    {stored: with(deleting), err: ErrPodGone},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			cluster := kubetest.New(tc.stored)
			node, err := Fence(t.Context(), cluster.Client(), newPod("a", "uid-a"), time.Unix(1, 0))
			if node != tc.node || !errors.Is(err, tc.err) {
				t.Errorf("Fence = %q, %v; want %q, %v", node, err, tc.node, tc.err)
			}
			if wrote := cluster.Calls("patch", "pods") > 0; wrote != tc.wrote {
				t.Errorf("the pod was written: %t, want %t", wrote, tc.wrote)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		cluster := kubetest.New(newPod("a", "uid-a"))
		cluster.Fail("patch", "pods", -1, errLost)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := Fence(ctx, cluster.Client(), newPod("a", "uid-a"), time.Unix(1, 0)); err == nil || errors.Is(err, ErrPodGone) {
			t.Errorf("Fence without a kube-apiserver = %v; want an error that decides nothing", err)
		}
	})
}
