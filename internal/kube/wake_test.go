package kube

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	kubetesting "k8s.io/client-go/testing"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/kube/kubetest"
)

func TestWake(t *testing.T) {
	cluster := kubetest.New(newPod("a", "uid-a"), newPod("b", "uid-b"))
	at := time.Date(2026, 5, 4, 3, 2, 1, 7, time.FixedZone("", 3600))
	if err := Wake(t.Context(), cluster.Client(), newPod("a", "uid-a"), at); err != nil {
		t.Fatal(err)
	}
	if got, want := read(t, cluster).Annotations[WakeAnnotation], "2026-05-04T02:02:01.000000007Z"; got != want {
		t.Errorf("annotation = %q, want %q", got, want)
	}
	calls := cluster.Actions("patch", "pods")
	if len(calls) != 1 {
		t.Fatalf("%d patches, want one", len(calls))
	}
	patch := calls[0].(kubetesting.PatchAction)
	want := `{"metadata":{"annotations":{"kube-mesos-extender.io/wake":"2026-05-04T02:02:01.000000007Z"},"uid":"uid-a"}}`
	if patch.GetPatchType() != types.MergePatchType || string(patch.GetPatch()) != want {
		t.Errorf("patch = %s %s, want %s", patch.GetPatchType(), patch.GetPatch(), want)
	}
}

func TestWakeOfAPodThatIsGone(t *testing.T) {
	for name, stored := range map[string]*corev1.Pod{
		"made anew": newPod("a", "uid-b"),
		"deleted":   newPod("z", "uid-z"),
	} {
		t.Run(name, func(t *testing.T) {
			cluster := kubetest.New(stored)
			if err := Wake(t.Context(), cluster.Client(), newPod("a", "uid-a"), time.Unix(1, 0)); !errors.Is(err, ErrPodGone) {
				t.Errorf("Wake = %v, want ErrPodGone", err)
			}
		})
	}
}

func TestWakeDoesNotRepeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cluster := kubetest.New(newPod("a", "uid-a"))
		cluster.Fail("patch", "pods", 1, errTimeout)
		if err := Wake(t.Context(), cluster.Client(), newPod("a", "uid-a"), time.Unix(1, 0)); !errors.Is(err, errTimeout) {
			t.Errorf("Wake = %v, want %v", err, errTimeout)
		}
		if calls := cluster.Calls("patch", "pods"); calls != 1 {
			t.Errorf("%d patches, want one: the next offers wake the pod anyway", calls)
		}
	})
}
