package resources

import (
	"errors"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// has is what the kubelet says of a container.
func has(name, allocated, actual string) corev1.ContainerStatus {
	return corev1.ContainerStatus{
		Name: name, AllocatedResources: requests("cpu", allocated),
		Resources: &corev1.ResourceRequirements{Requests: requests("cpu", actual)},
	}
}

// While a pod is resized its reservation must cover what it still has and what
// it is to get.
func TestRequestOfAResizedPod(t *testing.T) {
	infeasible := []corev1.PodCondition{{Type: corev1.PodResizePending, Status: corev1.ConditionTrue, Reason: corev1.PodReasonInfeasible}}
	deferred := []corev1.PodCondition{{Type: corev1.PodResizePending, Status: corev1.ConditionTrue, Reason: corev1.PodReasonDeferred}}
	named := func(c corev1.Container) corev1.Container { c.Name = "main"; return c }
	tests := []struct {
		name   string
		pod    corev1.Pod
		status corev1.PodStatus
		want   string
	}{
		{"has not started", corev1.Pod{}, corev1.PodStatus{}, "cpus:2"},
		{"as it should be", corev1.Pod{}, corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{has("main", "2", "2")}}, "cpus:2"},
		{"has more", corev1.Pod{}, corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{has("main", "2", "3")}}, "cpus:3"},
		{"is granted more", corev1.Pod{}, corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{has("main", "4", "1")}}, "cpus:4"},
		{"has less", corev1.Pod{}, corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{has("main", "1", "1")}}, "cpus:2"},
		{"has less, for now", corev1.Pod{}, corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{has("main", "1", "1")}, Conditions: deferred}, "cpus:2"},
		{"has less, for good", corev1.Pod{}, corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{has("main", "1", "1")}, Conditions: infeasible}, "cpus:1"},
		{"sidecar has more", corev1.Pod{Spec: corev1.PodSpec{InitContainers: []corev1.Container{
			{Name: "side", RestartPolicy: sidecarOf(corev1.Container{}).RestartPolicy, Resources: container("cpu", "1").Resources},
		}}}, corev1.PodStatus{InitContainerStatuses: []corev1.ContainerStatus{has("side", "1", "2")}}, "cpus:4"},
		{"pod-level", corev1.Pod{Spec: corev1.PodSpec{Resources: &corev1.ResourceRequirements{Requests: requests("cpu", "3")}}},
			corev1.PodStatus{AllocatedResources: requests("cpu", "5"), Resources: &corev1.ResourceRequirements{Requests: requests("cpu", "4")}}, "cpus:5"},
	}
	tr := translator(t, Rules{})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.pod.Spec.Containers, tt.pod.Status = []corev1.Container{named(container("cpu", "2"))}, tt.status
			got, err := tr.Request(&tt.pod)
			if err != nil || got.String() != tt.want {
				t.Errorf("Request = %s, %v; want %s", got, err, tt.want)
			}
		})
	}
}

func TestRequestRefusesANegativeStatus(t *testing.T) {
	c := container("cpu", "1")
	c.Name = "main"
	status := has("main", "1", "1")
	status.Resources.Requests[corev1.ResourceMemory] = requests("memory", "-1")[corev1.ResourceMemory]
	pod := &corev1.Pod{Spec: podOf(c), Status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{status}}}
	_, err := translator(t, Rules{}).Request(pod)
	if bad := (*field.Error)(nil); !errors.As(err, &bad) {
		t.Errorf("error %v, want one that names the field", err)
	}
}
