package resources

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"
)

// requests builds a list from names and quantities in turn.
func requests(pairs ...string) corev1.ResourceList {
	list := corev1.ResourceList{}
	for i := 0; i < len(pairs); i += 2 {
		list[corev1.ResourceName(pairs[i])] = resource.MustParse(pairs[i+1])
	}
	return list
}

func container(pairs ...string) corev1.Container {
	return corev1.Container{Resources: corev1.ResourceRequirements{Requests: requests(pairs...)}}
}

func sidecarOf(c corev1.Container) corev1.Container {
	c.RestartPolicy = ptr.To(corev1.ContainerRestartPolicyAlways)
	return c
}

func withPorts(c corev1.Container, ports ...corev1.ContainerPort) corev1.Container {
	c.Ports = ports
	return c
}

func podOf(containers ...corev1.Container) corev1.PodSpec {
	return corev1.PodSpec{Containers: containers}
}

func translator(t testing.TB, rules Rules) *Translator {
	t.Helper()
	tr, err := NewTranslator(rules)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

func TestRequestRounding(t *testing.T) {
	tests := []struct{ resource, quantity, want string }{
		{"cpu", "1", "cpus:1"},
		{"cpu", "0.0005", "cpus:0.001"},
		{"cpu", "1n", "cpus:0.001"},
		{"cpu", "100m", "cpus:0.1"},
		{"cpu", "1000001u", "cpus:1.001"},
		{"cpu", "1e3", "cpus:1000"},
		{"memory", "1", "mem:1"},
		{"memory", "1m", "mem:1"},
		{"memory", "1Mi", "mem:1"},
		{"memory", "1048577", "mem:2"},
		{"memory", "1M", "mem:1"},
		{"memory", "1Gi", "mem:1024"},
		{"memory", "8Ei", "mem:8796093022208"}, // Quantity itself stops at MaxInt64 bytes
		{"ephemeral-storage", "1", "disk:1"},
		{"ephemeral-storage", "1Ti", "disk:1048576"},
		{"nvidia.com/gpu", "2", "gpus:2"},
		{"nvidia.com/gpu", "2000m", "gpus:2"},
	}
	for _, tt := range tests {
		t.Run(tt.resource+" "+tt.quantity, func(t *testing.T) {
			got, err := translator(t, Rules{}).Request(&corev1.Pod{Spec: podOf(container(tt.resource, tt.quantity))})
			if err != nil {
				t.Fatal(err)
			}
			if got.String() != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

// TestRequestEffective states the semantics of PodRequests that the extender
// relies on, so that an update of the library that changes one is noticed.
func TestRequestEffective(t *testing.T) {
	tests := []struct {
		name string
		spec corev1.PodSpec
		want string
	}{
		{"containers add up before rounding", podOf(container("memory", "1.5Mi"), container("memory", "0.5Mi")), "mem:2"},
		{"init containers run one by one", corev1.PodSpec{
			InitContainers: []corev1.Container{container("cpu", "3"), container("cpu", "2", "memory", "1Gi")},
			Containers:     []corev1.Container{container("cpu", "1"), container("cpu", "1", "memory", "64Mi")},
		}, "cpus:3;mem:1024"},
		{"sidecar runs beside the containers", corev1.PodSpec{
			InitContainers: []corev1.Container{sidecarOf(container("cpu", "500m"))},
			Containers:     []corev1.Container{container("cpu", "1")},
		}, "cpus:1.5"},
		{"sidecar runs beside later init containers", corev1.PodSpec{
			InitContainers: []corev1.Container{container("cpu", "4"), sidecarOf(container("cpu", "500m")), container("cpu", "3800m")},
			Containers:     []corev1.Container{container("cpu", "1")},
		}, "cpus:4.3"},
		{"overhead comes on top", corev1.PodSpec{
			Containers: []corev1.Container{container("cpu", "1")},
			Overhead:   requests("cpu", "250m", "memory", "120Mi"),
		}, "cpus:1.25;mem:120"},
		{"pod-level request stands for its containers", corev1.PodSpec{
			Resources:  &corev1.ResourceRequirements{Requests: requests("cpu", "4")},
			Containers: []corev1.Container{container("cpu", "1", "memory", "64Mi")},
			Overhead:   requests("cpu", "100m"),
		}, "cpus:4.1;mem:64"},
		{"limits alone are no request", podOf(
			corev1.Container{Resources: corev1.ResourceRequirements{Limits: requests("cpu", "9")}},
			container("cpu", "1"),
		), "cpus:1"},
		{"hugepages and volumes are the scheduler's", podOf(
			container("cpu", "1", "hugepages-2Mi", "4Mi", "attachable-volumes-csi-x", "1", "example.kubernetes.io/x", "1")), "cpus:1"},
		{"zero of an unknown extended resource", podOf(container("cpu", "1", "example.com/fpga", "0")), "cpus:1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := translator(t, Rules{}).Request(&corev1.Pod{Spec: tt.spec})
			if err != nil {
				t.Fatal(err)
			}
			if got.String() != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestRequestPorts(t *testing.T) {
	tcp := corev1.ContainerPort{HostPort: 8080, Protocol: corev1.ProtocolTCP}
	udp := corev1.ContainerPort{HostPort: 8080, Protocol: corev1.ProtocolUDP}
	next := corev1.ContainerPort{HostPort: 8081, HostIP: "127.0.0.1"}
	tests := []struct {
		name string
		spec corev1.PodSpec
		want Ranges
	}{
		{"none", podOf(withPorts(container(), corev1.ContainerPort{ContainerPort: 80})), nil},
		{"one for both protocols", podOf(withPorts(container(), tcp, udp)), Ranges{{8080, 8080}}},
		{"neighbours form a range", podOf(withPorts(container(), next), withPorts(container(), tcp)), Ranges{{8080, 8081}}},
		{"last port", podOf(withPorts(container(), corev1.ContainerPort{HostPort: 65535})), Ranges{{65535, 65535}}},
		{"sidecar yes, init container no", corev1.PodSpec{
			InitContainers: []corev1.Container{
				withPorts(container(), corev1.ContainerPort{HostPort: 7000}),
				sidecarOf(withPorts(container(), tcp)),
			},
			Containers: []corev1.Container{container()},
		}, Ranges{{8080, 8080}}},
		{"host network, not defaulted", corev1.PodSpec{
			HostNetwork: true,
			Containers:  []corev1.Container{withPorts(container(), corev1.ContainerPort{ContainerPort: 80}, tcp)},
		}, Ranges{{80, 80}, {8080, 8080}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := translator(t, Rules{Minimum: Scalar(CPUs, 10)}).Request(&corev1.Pod{Spec: tt.spec})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got.Ports); diff != "" {
				t.Errorf("ports (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRequestRefusesBadValues(t *testing.T) {
	resized := podOf(container("cpu", "1"))
	resized.Resources = &corev1.ResourceRequirements{Requests: requests("cpu", "-1")}
	tests := []struct {
		name  string
		spec  corev1.PodSpec
		field string
	}{
		{"no containers", corev1.PodSpec{InitContainers: []corev1.Container{container("cpu", "1")}}, "spec.containers"},
		{"negative", podOf(container("cpu", "1"), container("memory", "-1")), "spec.containers[1].resources.requests[memory]"},
		{"negative hidden by a sum", podOf(container("cpu", "5"), container("cpu", "-1n")), "spec.containers[1].resources.requests[cpu]"},
		{"negative in an init container", corev1.PodSpec{
			InitContainers: []corev1.Container{container("example.com/x", "-1")},
			Containers:     []corev1.Container{container("cpu", "1")},
		}, "spec.initContainers[0].resources.requests[example.com/x]"},
		{"negative overhead", corev1.PodSpec{
			Containers: []corev1.Container{container("cpu", "1")}, Overhead: requests("cpu", "-1"),
		}, "spec.overhead[cpu]"},
		{"negative at pod level", resized, "spec.resources.requests[cpu]"},
		{"part of a GPU", podOf(container("nvidia.com/gpu", "500m")), "spec.containers[0].resources.requests[nvidia.com/gpu]"},
		{"parts of GPUs that add up", podOf(container("nvidia.com/gpu", "500m"), container("nvidia.com/gpu", "0.5")),
			"spec.containers[0].resources.requests[nvidia.com/gpu]"},
		{"cpu beyond doubles", podOf(container("cpu", "10P")), "spec[cpu]"},
		{"cpu beyond int64 thousandths", podOf(container("cpu", "9E")), "spec[cpu]"},
		{"bytes beyond int64", podOf(container("memory", "8Ei"), container("memory", "8Ei")), "spec[memory]"},
		{"gpus beyond doubles", podOf(container("nvidia.com/gpu", "9E")), "spec[nvidia.com/gpu]"},
		{"port zero minus one", podOf(withPorts(container(), corev1.ContainerPort{HostPort: -1})), "spec.containers[0].ports[0].hostPort"},
		{"port too high", podOf(withPorts(container(), corev1.ContainerPort{}, corev1.ContainerPort{HostPort: 65536})),
			"spec.containers[0].ports[1].hostPort"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := translator(t, Rules{}).Request(&corev1.Pod{Spec: tt.spec})
			var invalid *field.Error
			if !errors.As(err, &invalid) {
				t.Fatalf("got %v, error %v, want a field error", got, err)
			}
			if invalid.Field != tt.field {
				t.Errorf("error %q is about %s, want %s", err, invalid.Field, tt.field)
			}
		})
	}
}

func TestRequestErrorsAreStable(t *testing.T) {
	pod := &corev1.Pod{Spec: podOf(container("a.com/x", "1", "b.com/x", "1", "c.com/x", "1", "d.com/x", "1"))}
	for range 50 {
		_, err := translator(t, Rules{}).Request(pod)
		want := "extended resource a.com/x has no Mesos counterpart: name one in the configuration's resources.extended"
		if err == nil || err.Error() != want {
			t.Fatalf("error %v, want %s", err, want)
		}
	}
}
