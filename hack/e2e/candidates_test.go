package e2e

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kube-mesos-extender/kube-mesos-extender/hack/harness"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/config"
)

// TestSoleCandidate lets pods without preferences follow each other to the
// fullest agent, until its node has a taint PreferNoSchedule. kube-scheduler asks
// for the scores of none of them, but for those of a pod of a ReplicaSet.
func TestSoleCandidate(t *testing.T) {
	h := start(t, harness.Options{Agents: 4, AgentResources: "cpus:4;mem:4096;disk:10000", Configure: func(cfg *config.Config) {
		brisk(cfg)
		cfg.Offers.IdleHold.Duration, cfg.Offers.MaxHold.Duration = time.Minute, time.Minute // so that there are nodes to choose from
	}})
	bind := func(pod *corev1.Pod) (node string) {
		t.Helper()
		must(t, h.CreatePods(t.Context(), pod))
		bound, err := h.AwaitBound(t.Context(), pod.Name, patience)
		must(t, err)
		return bound.Spec.NodeName
	}
	// So full that it comes first even while its rest is only expected.
	fullest := bind(harness.Pod("first", "3", "128Mi"))
	if node := bind(harness.Pod("second", "500m", "128Mi")); node != fullest {
		t.Errorf("the second pod is on %s, want it with the first on %s", node, fullest)
	}
	taint := `{"spec":{"taints":[{"key":"leaving","effect":"PreferNoSchedule"}]}}`
	_, err := h.Client.CoreV1().Nodes().Patch(t.Context(), fullest, types.StrategicMergePatchType, []byte(taint), metav1.PatchOptions{})
	must(t, err)
	h.StopDaemon(0) // one that starts now knows of the taint
	must(t, h.StartDaemon(0))
	must(t, h.AwaitReady(t.Context()))
	if node := bind(harness.Pod("third", "250m", "128Mi")); node == fullest {
		t.Errorf("the third pod is on %s, which is to be avoided", node)
	}
	controller, replica := true, harness.Pod("replica", "250m", "128Mi")
	replica.OwnerReferences = []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: "r", UID: "r", Controller: &controller}}
	bind(replica)
	for name, want := range map[string]bool{"first": false, "second": false, "third": false, "replica": true} {
		if scored(t, h, name) != want {
			t.Errorf("scores were asked for %s: %t, want %t", name, !want, want)
		}
	}
	awaitExact(t, h)
	deleteAll(t, h)
}

// scored reports whether the daemon's log tells of a prioritize call for a pod.
func scored(t *testing.T, h *harness.Harness, name string) bool {
	t.Helper()
	for _, lines := range readLogs(t, h.Dir(), "extender-0.log") {
		for _, line := range lines {
			if strings.Contains(line, `"msg":"nodes scored"`) && strings.Contains(line, `"pod":"`+harness.Namespace+"/"+name+`"`) {
				return true
			}
		}
	}
	return false
}
