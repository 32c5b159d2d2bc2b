package filter

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
)

func TestHasPreferences(t *testing.T) {
	spread := func(when corev1.UnsatisfiableConstraintAction) corev1.PodSpec {
		return corev1.PodSpec{TopologySpreadConstraints: []corev1.TopologySpreadConstraint{
			{WhenUnsatisfiable: corev1.DoNotSchedule}, {WhenUnsatisfiable: when},
		}}
	}
	affinity := func(a corev1.Affinity) corev1.PodSpec { return corev1.PodSpec{Affinity: &a} }
	weighted := []corev1.WeightedPodAffinityTerm{{Weight: 1}}
	tests := map[string]struct {
		spec corev1.PodSpec
		want bool
	}{
		"none":              {corev1.PodSpec{}, false},
		"node selector":     {corev1.PodSpec{NodeSelector: map[string]string{"a": "b"}}, false},
		"required spread":   {spread(corev1.DoNotSchedule), false},
		"soft spread":       {spread(corev1.ScheduleAnyway), true},
		"empty affinity":    {affinity(corev1.Affinity{}), false},
		"required affinity": {affinity(corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{}}}), false},
		"node affinity":     {affinity(corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{PreferredDuringSchedulingIgnoredDuringExecution: make([]corev1.PreferredSchedulingTerm, 1)}}), true},
		"required pod affinity": {affinity(corev1.Affinity{
			PodAffinity:     &corev1.PodAffinity{RequiredDuringSchedulingIgnoredDuringExecution: make([]corev1.PodAffinityTerm, 1)},
			PodAntiAffinity: &corev1.PodAntiAffinity{RequiredDuringSchedulingIgnoredDuringExecution: make([]corev1.PodAffinityTerm, 1)},
		}), false},
		"pod affinity":      {affinity(corev1.Affinity{PodAffinity: &corev1.PodAffinity{PreferredDuringSchedulingIgnoredDuringExecution: weighted}}), true},
		"pod anti-affinity": {affinity(corev1.Affinity{PodAntiAffinity: &corev1.PodAntiAffinity{PreferredDuringSchedulingIgnoredDuringExecution: weighted}}), true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := HasPreferences(&corev1.Pod{Spec: tt.spec}); got != tt.want {
				t.Errorf("HasPreferences = %v", got)
			}
		})
	}
}
