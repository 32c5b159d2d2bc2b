package e2e

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kube-mesos-extender/kube-mesos-extender/hack/harness"
	"github.com/kube-mesos-extender/kube-mesos-extender/hack/harness/neighbour"
)

// TestPreemption fills two nodes: one with foreign pods of the lowest priority
// on an agent that a neighbour has reserved, one with pods of ours. By itself
// kube-scheduler would evict the former, in vain; a pod of high priority must
// take the place of one of the latter, and of no more than it needs.
func TestPreemption(t *testing.T) {
	h := start(t, harness.Options{Agents: 2, AgentResources: "cpus:8;mem:16384;disk:50000", Configure: brisk})
	for name, value := range map[string]int32{"lowest": 1, "low": 10, "high": 1000} {
		_, err := h.Client.SchedulingV1().PriorityClasses().Create(t.Context(),
			&schedulingv1.PriorityClass{ObjectMeta: metav1.ObjectMeta{Name: name}, Value: value}, metav1.CreateOptions{})
		must(t, err)
	}
	n := compete(t, h, "taker", neighbour.Take(func(agent neighbour.Agent) bool { return agent.Hostname == "node-0" }))
	awaitTaken(t, n, 1)
	must(t, h.CreatePods(t.Context(),
		pinned("foreign-a", "4", "lowest", "node-0"), pinned("foreign-b", "4", "lowest", "node-0"),
		prioritized("ours-a", "4", "low"), prioritized("ours-b", "4", "low")))
	must(t, h.AwaitAllBound(t.Context(), 4, patience))
	awaitExact(t, h)

	began := time.Now()
	must(t, h.CreatePods(t.Context(), prioritized("important", "3", "high")))
	pod, err := h.AwaitBound(t.Context(), "important", patience)
	must(t, err)
	t.Logf("bound to %s after %s", pod.Spec.NodeName, time.Since(began).Round(time.Millisecond))
	pods, err := h.Pods(t.Context())
	must(t, err)
	var left []string
	for _, pod := range pods {
		left = append(left, pod.Name)
	}
	names := strings.Join(left, " ")
	if len(pods) != 4 || !strings.Contains(names, "foreign-a foreign-b") {
		t.Errorf("left are %s; want important, both foreign pods and one of ours", names)
	}
	awaitExact(t, h)
	deleteAll(t, h)
}

func prioritized(name, cpu, class string) *corev1.Pod {
	pod := harness.Pod(name, cpu, "1Gi")
	pod.Spec.PriorityClassName = class
	return pod
}

// pinned is a foreign pod that is on its node without any scheduler's doing.
func pinned(name, cpu, class, node string) *corev1.Pod {
	pod := prioritized(name, cpu, class)
	pod.Spec.SchedulerName, pod.Spec.NodeName = "", node
	return pod
}
