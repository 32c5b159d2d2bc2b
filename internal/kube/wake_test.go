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
	if err := Wake(t.Context(), cluster.Client(), newPod("a", "uid-a"), "", at); err != nil {
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

// A pod is pointed at a node by the write that wakes it, unless somebody else
// has pointed it at another.
func TestWakeNominates(t *testing.T) {
	const at = "1970-01-01T00:00:01Z"
	for name, tt := range map[string]struct {
		present, wake string // nomination and WakeAnnotation before
		want, wantAt  string
	}{
		"first":           {want: "node-7", wantAt: at + " node-7"},
		"ours before":     {present: "node-3", wake: "1970-01-01T00:00:00Z node-3", want: "node-7", wantAt: at + " node-7"},
		"by preemption":   {present: "node-3", wake: "1970-01-01T00:00:00Z", want: "node-3", wantAt: at},
		"cleared by then": {wake: "1970-01-01T00:00:00Z node-3", want: "node-7", wantAt: at + " node-7"},
	} {
		t.Run(name, func(t *testing.T) {
			pod := newPod("a", "uid-a")
			pod.Status.NominatedNodeName = tt.present
			pod.Annotations = map[string]string{WakeAnnotation: tt.wake}
			cluster := kubetest.New(pod)
			if err := Wake(t.Context(), cluster.Client(), pod, "node-7", time.Unix(1, 0)); err != nil {
				t.Fatal(err)
			}
			after := read(t, cluster)
			if after.Status.NominatedNodeName != tt.want || after.Annotations[WakeAnnotation] != tt.wantAt {
				t.Errorf("nominated %q, annotation %q; want %q, %q",
					after.Status.NominatedNodeName, after.Annotations[WakeAnnotation], tt.want, tt.wantAt)
			}
			writes := len(cluster.Actions("patch", "pods")) + len(cluster.Actions("patch", "pods/status"))
			if writes != 1 {
				t.Errorf("%d writes, want one", writes)
			}
		})
	}
}

func TestWakeOfAPodThatIsGone(t *testing.T) {
	for name, stored := range map[string]*corev1.Pod{
		"made anew": newPod("a", "uid-b"),
		"deleted":   newPod("z", "uid-z"),
	} {
		t.Run(name, func(t *testing.T) {
			cluster := kubetest.New(stored)
			if err := Wake(t.Context(), cluster.Client(), newPod("a", "uid-a"), "", time.Unix(1, 0)); !errors.Is(err, ErrPodGone) {
				t.Errorf("Wake = %v, want ErrPodGone", err)
			}
		})
	}
}

func TestWakeDoesNotRepeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cluster := kubetest.New(newPod("a", "uid-a"))
		cluster.Fail("patch", "pods", 1, errTimeout)
		if err := Wake(t.Context(), cluster.Client(), newPod("a", "uid-a"), "", time.Unix(1, 0)); !errors.Is(err, errTimeout) {
			t.Errorf("Wake = %v, want %v", err, errTimeout)
		}
		if calls := cluster.Calls("patch", "pods"); calls != 1 {
			t.Errorf("%d patches, want one: the next offers wake the pod anyway", calls)
		}
	})
}
