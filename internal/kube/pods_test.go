package kube

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/kube/kubetest"
)

const ours = "mesos-scheduler"

// newPod makes a waiting pod of our scheduler in the namespace "default".
func newPod(name, uid string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, UID: types.UID(uid)},
		Spec:       corev1.PodSpec{SchedulerName: ours},
		Status:     corev1.PodStatus{Phase: corev1.PodPending},
	}
}

// recordedPods is a PodHandler that writes down what it hears.
type recordedPods struct {
	mu    sync.Mutex
	heard []string
}

func (r *recordedPods) PodChanged(pod *corev1.Pod) { r.note("changed " + string(pod.UID)) }
func (r *recordedPods) PodGone(uid string)         { r.note("gone " + uid) }

func (r *recordedPods) note(line string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.heard = append(r.heard, line)
}

// take returns what was heard since the last call.
func (r *recordedPods) take() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	heard := r.heard
	r.heard = nil
	return heard
}

// startPods runs an informer that ends with the test.
func startPods(t *testing.T, client kubernetes.Interface, handler PodHandler) *Pods {
	t.Helper()
	pods, err := NewPods(client, ours, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	if err := pods.On(handler); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := pods.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { stop(); running.Wait() })
	if err := pods.Synced(ctx); err != nil {
		t.Fatal(err)
	}
	return pods
}

func names(pods []*corev1.Pod) []string {
	var names []string
	for _, pod := range pods {
		names = append(names, pod.Name)
	}
	slices.Sort(names)
	return names
}

func create(t *testing.T, client kubernetes.Interface, pod *corev1.Pod) {
	t.Helper()
	if _, err := client.CoreV1().Pods(pod.Namespace).Create(t.Context(), pod, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
}

func TestPodsOfOtherSchedulersAreNotWatched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		foreign := newPod("foreign", "uid-foreign")
		foreign.Spec.SchedulerName = "default-scheduler"
		cluster, handler := kubetest.New(newPod("a", "uid-a"), foreign), &recordedPods{}
		pods := startPods(t, cluster.Client(), handler)

		late := foreign.DeepCopy()
		late.Name, late.UID = "late", "uid-late"
		create(t, cluster.Client(), late)
		create(t, cluster.Client(), newPod("b", "uid-b"))
		synctest.Wait()

		stored := slices.Sorted(slices.Values(pods.informer.GetStore().ListKeys()))
		if diff := cmp.Diff([]string{"default/a", "default/b"}, stored); diff != "" {
			t.Errorf("pods in the store (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{"changed uid-a", "changed uid-b"}, handler.take()); diff != "" {
			t.Errorf("what the handler heard (-want +got):\n%s", diff)
		}
		if got, err := pods.Get(t.Context(), "default", "foreign"); err != nil || got.UID != "uid-foreign" {
			t.Errorf("Get of a pod that is not watched = %v, %v; want it read live", got, err)
		}
	})
}

// A pod that kube-scheduler saw first is waited for, and read live only if it does
// not come.
func TestGetWaitsForTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cluster := kubetest.New()
		pods := startPods(t, cluster.Client(), &recordedPods{})
		began := time.Now()
		time.AfterFunc(lag/2, func() { create(t, cluster.Client(), newPod("late", "uid-late")) })
		if got, err := pods.Get(t.Context(), "default", "late"); err != nil || got.UID != "uid-late" {
			t.Errorf("Get = %v, %v", got, err)
		}
		if took, reads := time.Since(began), cluster.Calls("get", "pods"); took > lag || reads != 0 {
			t.Errorf("the pod came after %v and %d reads of the kube-apiserver", took, reads)
		}
		if _, err := pods.Get(t.Context(), "default", "nobody"); !errors.Is(err, ErrPodGone) || cluster.Calls("get", "pods") != 1 {
			t.Errorf("Get of no pod = %v after %d reads", err, cluster.Calls("get", "pods"))
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := pods.Get(ctx, "default", "nobody"); !errors.Is(err, context.Canceled) {
			t.Errorf("Get of an ended context = %v", err)
		}
	})
}

func TestWaitingFollowsThePod(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gated, deleted, finished, bound := newPod("gated", "1"), newPod("deleted", "2"), newPod("finished", "3"), newPod("bound", "4")
		gated.Spec.SchedulingGates = []corev1.PodSchedulingGate{{Name: "quota"}}
		deleted.DeletionTimestamp, deleted.Finalizers = &metav1.Time{Time: time.Now()}, []string{"test/hold"}
		finished.Status.Phase = corev1.PodFailed
		bound.Spec.NodeName = "node"
		cluster := kubetest.New(newPod("waits", "5"), gated, deleted, finished, bound)
		pods := startPods(t, cluster.Client(), &recordedPods{})
		for uid, want := range map[string]bool{"1": false, "2": false, "3": false, "4": false, "5": true} {
			if pod, ok := pods.ByUID(uid); !ok || Waiting(pod) != want {
				t.Errorf("pod %s: known %t, waiting is not %t", uid, ok, want)
			}
		}

		pod, _ := pods.ByUID("5")
		if err := PostBinding(t.Context(), cluster.Client(), pod, "node"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if pod, ok := pods.ByUID("5"); !ok || Waiting(pod) {
			t.Errorf("known %t, and waits after the Binding", ok)
		}
	})
}

func TestPodMadeAnewWhileTheWatchWasDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		handler := &recordedPods{}
		events := podEvents{handler}
		events.OnUpdate(newPod("a", "old"), newPod("a", "new"))
		events.OnUpdate(newPod("a", "new"), newPod("a", "new"))
		events.OnDelete(cache.DeletedFinalStateUnknown{Key: "default/a", Obj: newPod("a", "new")})
		want := []string{"gone old", "changed new", "changed new", "gone new"}
		if diff := cmp.Diff(want, handler.take()); diff != "" {
			t.Errorf("what the handler heard (-want +got):\n%s", diff)
		}
	})
}

func TestDeletedPodIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cluster, handler := kubetest.New(newPod("a", "uid-a")), &recordedPods{}
		pods := startPods(t, cluster.Client(), handler)
		if err := cluster.Client().CoreV1().Pods("default").Delete(t.Context(), "a", metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if diff := cmp.Diff([]string{"changed uid-a", "gone uid-a"}, handler.take()); diff != "" {
			t.Errorf("what the handler heard (-want +got):\n%s", diff)
		}
		if _, err := pods.Get(t.Context(), "default", "a"); !errors.Is(err, ErrPodGone) {
			t.Errorf("Get = %v, want ErrPodGone", err)
		}
		if _, ok := pods.ByUID("uid-a"); ok {
			t.Error("still found by UID")
		}
	})
}
