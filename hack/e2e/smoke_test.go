package e2e

import (
	"testing"

	"github.com/kube-mesos-extender/kube-mesos-extender/hack/harness"
)

func TestSmoke(t *testing.T) {
	h := start(t, harness.Options{Agents: 3, Configure: brisk})
	must(t, h.CreatePods(t.Context(), harness.Pod("one", "1", "128Mi")))
	pod, err := h.AwaitBound(t.Context(), "one", patience)
	must(t, err)
	t.Log(pod.Spec.NodeName)
}
