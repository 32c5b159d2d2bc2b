package filter

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// HasPreferences reports whether a pod tells, among the nodes where it may run,
// which it would rather have. Only kube-scheduler's own scores know how well a
// node meets that, so such a pod is not to be given the best candidates by our
// score but all that fit. What it demands (a node selector, required affinity,
// DoNotSchedule) has been seen to before an extender is called.
func HasPreferences(pod *corev1.Pod) bool {
	for i := range pod.Spec.TopologySpreadConstraints {
		if pod.Spec.TopologySpreadConstraints[i].WhenUnsatisfiable == corev1.ScheduleAnyway {
			return true
		}
	}
	wish := pod.Spec.Affinity
	if wish == nil {
		return false
	}
	return wish.NodeAffinity != nil && len(wish.NodeAffinity.PreferredDuringSchedulingIgnoredDuringExecution) > 0 ||
		wish.PodAffinity != nil && len(wish.PodAffinity.PreferredDuringSchedulingIgnoredDuringExecution) > 0 ||
		wish.PodAntiAffinity != nil && len(wish.PodAntiAffinity.PreferredDuringSchedulingIgnoredDuringExecution) > 0
}

// ToleratesAvoided reports whether the pod tolerates some taint of the effect
// PreferNoSchedule. Which, is for kube-scheduler's TaintToleration to judge.
func ToleratesAvoided(pod *corev1.Pod) bool {
	return slices.ContainsFunc(pod.Spec.Tolerations, func(t corev1.Toleration) bool {
		return t.Effect == "" || t.Effect == corev1.TaintEffectPreferNoSchedule
	})
}

// SpreadByDefault reports whether kube-scheduler may want to keep the pod away
// from others of its kind although it does not say so: the default constraints
// of PodTopologySpread do that for pods of a Service, ReplicationController,
// ReplicaSet or StatefulSet. What is left are pods without a controller, of a
// Job, and of another pod (the executors of Spark); these belong to no Service,
// or do not depend on it for being there.
func SpreadByDefault(pod *corev1.Pod) bool {
	controller := metav1.GetControllerOfNoCopy(pod)
	return controller != nil && controller.Kind != "Job" && controller.Kind != "Pod"
}
