package filter

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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

func TestToleratesAvoided(t *testing.T) {
	for name, tt := range map[string]struct {
		effects []corev1.TaintEffect
		want    bool
	}{
		"none":                    {nil, false},
		"what every pod is given": {[]corev1.TaintEffect{corev1.TaintEffectNoExecute, corev1.TaintEffectNoExecute}, false},
		"hard":                    {[]corev1.TaintEffect{corev1.TaintEffectNoSchedule}, false},
		"soft":                    {[]corev1.TaintEffect{corev1.TaintEffectNoExecute, corev1.TaintEffectPreferNoSchedule}, true},
		"every effect":            {[]corev1.TaintEffect{""}, true},
	} {
		t.Run(name, func(t *testing.T) {
			var pod corev1.Pod
			for _, effect := range tt.effects {
				pod.Spec.Tolerations = append(pod.Spec.Tolerations, corev1.Toleration{Effect: effect})
			}
			if got := ToleratesAvoided(&pod); got != tt.want {
				t.Errorf("ToleratesAvoided = %v", got)
			}
		})
	}
}

func TestSpreadByDefault(t *testing.T) {
	yes, no := true, false
	for name, tt := range map[string]struct {
		owners []metav1.OwnerReference
		want   bool
	}{
		"nobody's":              {nil, false},
		"of a Job":              {[]metav1.OwnerReference{{Kind: "Job", Controller: &yes}}, false},
		"of a pod":              {[]metav1.OwnerReference{{Kind: "Pod", Controller: &yes}}, false},
		"of a ReplicaSet":       {[]metav1.OwnerReference{{Kind: "Job", Controller: &no}, {Kind: "ReplicaSet", Controller: &yes}}, true},
		"of a StatefulSet":      {[]metav1.OwnerReference{{Kind: "StatefulSet", Controller: &yes}}, true},
		"of something custom":   {[]metav1.OwnerReference{{Kind: "CloneSet", Controller: &yes}}, true},
		"owned, not controlled": {[]metav1.OwnerReference{{Kind: "ReplicaSet"}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := SpreadByDefault(&corev1.Pod{ObjectMeta: metav1.ObjectMeta{OwnerReferences: tt.owners}}); got != tt.want {
				t.Errorf("SpreadByDefault = %v", got)
			}
		})
	}
}
