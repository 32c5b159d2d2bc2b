package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kube-mesos-extender/kube-mesos-extender/hack/harness"
	"github.com/kube-mesos-extender/kube-mesos-extender/hack/lab"
)

// pod is a pod with uid u on a node.
func podOn(node string, phase corev1.PodPhase) corev1.Pod {
	pod := harness.Pod("a", "1", "1Gi")
	pod.UID, pod.Spec.NodeName, pod.Status.Phase = types.UID("u"), node, phase
	return *pod
}

func TestJudge(t *testing.T) {
	on := func(node string) harness.Promise { return harness.Promise{UID: "u", Node: node} }
	completing := podOn("n1", corev1.PodRunning)
	completing.Annotations = map[string]string{lab.CompleteAfter: "1s"}
	tests := []struct {
		name     string
		pods     []corev1.Pod
		promises map[harness.Promise]int
		want     verdict
	}{
		{"nothing", nil, nil, verdict{}},
		{"one each", []corev1.Pod{podOn("n1", corev1.PodRunning)}, map[harness.Promise]int{on("n1"): 1}, verdict{}},
		{
			"none for a bound pod", []corev1.Pod{podOn("n1", corev1.PodRunning)}, nil,
			verdict{lost: []string{"a (u) on n1"}},
		},
		{
			"on another node", []corev1.Pod{podOn("n1", corev1.PodRunning)}, map[harness.Promise]int{on("n2"): 1},
			verdict{lost: []string{"a (u) on n1"}, orphaned: []string{"pod u on n2"}},
		},
		{
			"two on one node", []corev1.Pod{podOn("n1", corev1.PodRunning)}, map[harness.Promise]int{on("n1"): 2},
			verdict{doubled: []string{"u"}},
		},
		{
			"on two nodes", []corev1.Pod{podOn("n1", corev1.PodRunning)}, map[harness.Promise]int{on("n1"): 1, on("n2"): 1},
			verdict{doubled: []string{"u"}, orphaned: []string{"pod u on n2"}},
		},
		{"of no pod", nil, map[harness.Promise]int{on("n1"): 1}, verdict{orphaned: []string{"pod u on n1"}}},
		{
			"of a pod that has succeeded", []corev1.Pod{podOn("n1", corev1.PodSucceeded)}, map[harness.Promise]int{on("n1"): 1},
			verdict{orphaned: []string{"pod u on n1"}},
		},
		{"of a pod not bound yet", []corev1.Pod{podOn("", corev1.PodPending)}, map[harness.Promise]int{on("n1"): 1}, verdict{waiting: []string{"a (u)"}}},
		{"of a pod that will complete", []corev1.Pod{completing}, map[harness.Promise]int{on("n1"): 1}, verdict{waiting: []string{"a (u)"}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := judge(test.pods, test.promises)
			if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(verdict{}), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
			if (got.err() == nil) != cmp.Equal(test.want, verdict{}, cmp.AllowUnexported(verdict{})) {
				t.Errorf("error %v", got.err())
			}
		})
	}
}

func TestCommandLine(t *testing.T) {
	for _, args := range [][]string{{"-kills=0"}, {"-duration=-1s"}, {"surplus"}, {"-unknown"}} {
		if code := run(t.Context(), args, t.Output(), t.Output()); code != exitUsage {
			t.Errorf("%q: exit code %d, want %d", args, code, exitUsage)
		}
	}
}
