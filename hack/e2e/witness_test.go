package e2e

import (
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/kube-mesos-extender/kube-mesos-extender/hack/harness"
)

// watch has every Binding judged from now on; see harness.Witness.
func watch(t *testing.T, h *harness.Harness) *harness.Witness {
	t.Helper()
	w, err := h.WatchAdmissions(t.Context())
	must(t, err)
	t.Cleanup(w.Stop)
	return w
}

// testify fails the test if a Binding came before its reservation, or if one of
// the pods was bound without the witness.
func testify(t *testing.T, w *harness.Witness, pods []corev1.Pod) {
	t.Helper()
	for _, binding := range w.Baseless() {
		t.Errorf("Binding of %s was posted without a reservation on the agent's disk", binding)
	}
	bindings, err := w.Bindings()
	must(t, err)
	t.Logf("%d pods bound under the eyes of the witness", len(bindings))
	for _, pod := range pods {
		if len(bindings[string(pod.UID)]) == 0 {
			t.Errorf("pod %s is bound to %q, but the witness saw no Binding", pod.Name, pod.Spec.NodeName)
		}
	}
}
