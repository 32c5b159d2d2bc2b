package resources

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// BenchmarkRequest is what each call of filter, prioritize and bind begins with.
func BenchmarkRequest(b *testing.B) {
	translator, err := NewTranslator(Rules{})
	if err != nil {
		b.Fatal(err)
	}
	pod := &corev1.Pod{Spec: corev1.PodSpec{Containers: []corev1.Container{{
		Name: "web", Ports: []corev1.ContainerPort{{ContainerPort: 8080}},
		Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{
			corev1.ResourceCPU: resource.MustParse("2"), corev1.ResourceMemory: resource.MustParse("1Gi"),
		}},
	}}}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := translator.Request(pod); err != nil {
			b.Fatal(err)
		}
	}
}
