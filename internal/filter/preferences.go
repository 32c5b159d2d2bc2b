package filter

import corev1 "k8s.io/api/core/v1"

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
