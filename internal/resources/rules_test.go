package resources

import (
	"errors"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func TestExtendedResources(t *testing.T) {
	rules := Rules{Extended: map[string]ExtendedRule{
		"example.com/fpga":  {Scalar: "fpgas"},
		"example.com/slice": {Scalar: "fpgas", Factor: 250},
		"amd.com/gpu":       {Scalar: GPUs, Factor: 2000},
		"example.com/core":  {Scalar: CPUs, Factor: 1},
	}}
	tests := []struct {
		name     string
		requests []string
		want     string
	}{
		{"one to one by default", []string{"example.com/fpga", "3"}, "fpgas:3"},
		{"by factor", []string{"example.com/slice", "3"}, "fpgas:0.75"},
		{"several into one scalar", []string{"example.com/fpga", "1", "example.com/slice", "1"}, "fpgas:1.25"},
		{"onto gpus, beside the built-in rule", []string{"amd.com/gpu", "1", "nvidia.com/gpu", "1"}, "gpus:3"},
		{"onto cpus, beside cpu", []string{"cpu", "1", "example.com/core", "5"}, "cpus:1.005"},
		{"a fraction is rounded up", []string{"example.com/fpga", "1500m"}, "fpgas:2"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := translator(t, rules).Request(&corev1.Pod{Spec: podOf(container(tt.requests...))})
			if err != nil {
				t.Fatal(err)
			}
			if got.String() != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestExtendedRulesCannotOverflow(t *testing.T) {
	tr := translator(t, Rules{Extended: map[string]ExtendedRule{"example.com/x": {Scalar: CPUs, Factor: 1 << 50}}})
	for _, list := range [][]string{{"example.com/x", "9"}, {"cpu", "9T", "example.com/x", "8"}} {
		got, err := tr.Request(&corev1.Pod{Spec: podOf(container(list...))})
		var invalid *field.Error
		if !errors.As(err, &invalid) {
			t.Errorf("%v: got %v, error %v, want a field error", list, got, err)
		}
	}
}

func TestUnmappedExtendedResource(t *testing.T) {
	_, err := translator(t, Rules{}).Request(&corev1.Pod{Spec: podOf(container("cpu", "1", "example.com/fpga", "1"))})
	var unsupported *UnsupportedError
	if !errors.As(err, &unsupported) || unsupported.Resource != "example.com/fpga" {
		t.Errorf("got %v, want an UnsupportedError about example.com/fpga", err)
	}
}

func TestMinimum(t *testing.T) {
	minimum := Scalar(CPUs, 10).Add(Scalar(Mem, 32000))
	tests := []struct {
		name string
		c    corev1.Container
		want string
	}{
		{"nothing requested", container(), "cpus:0.01;mem:32"},
		{"zero requested", container("cpu", "0", "memory", "0"), "cpus:0.01;mem:32"},
		{"each resource for itself", container("memory", "64Mi"), "cpus:0.01;mem:64"},
		{"a request below it stays", container("cpu", "1m", "memory", "1Mi"), "cpus:0.001;mem:1"},
		{"ports only", withPorts(container(), corev1.ContainerPort{HostPort: 80}), "cpus:0.01;mem:32;ports:[80-80]"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := translator(t, Rules{Minimum: minimum}).Request(&corev1.Pod{Spec: podOf(tt.c)})
			if err != nil {
				t.Fatal(err)
			}
			if got.String() != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
	if _, err := translator(t, Rules{}).Request(&corev1.Pod{Spec: podOf(container())}); !errors.Is(err, ErrNothing) {
		t.Errorf("no request and no minimum: error %v, want ErrNothing", err)
	}
}

func TestNewTranslatorRefusesBadRules(t *testing.T) {
	extended := func(name string, rule ExtendedRule) Rules {
		return Rules{Extended: map[string]ExtendedRule{name: rule}}
	}
	tests := []struct {
		name  string
		rules Rules
		field string
	}{
		{"native resource", extended("cpu", ExtendedRule{Scalar: "x"}), "resources.extended[cpu]"},
		{"no scalar", extended("a.com/x", ExtendedRule{}), "resources.extended[a.com/x].scalar"},
		{"ports", extended("a.com/x", ExtendedRule{Scalar: Ports}), "resources.extended[a.com/x].scalar"},
		{"negative factor", extended("a.com/x", ExtendedRule{Scalar: "x", Factor: -1}), "resources.extended[a.com/x].factor"},
		{"huge factor", extended("a.com/x", ExtendedRule{Scalar: "x", Factor: 1 << 60}), "resources.extended[a.com/x].factor"},
		{"part of a GPU", extended("a.com/x", ExtendedRule{Scalar: GPUs, Factor: 500}), "resources.extended[a.com/x].factor"},
		{"negative minimum", Rules{Minimum: Scalar(CPUs, -1)}, "resources.minimum[cpus]"},
		{"minimum of part of a GPU", Rules{Minimum: Scalar(GPUs, 1)}, "resources.minimum[gpus]"},
		{"minimum of ports", Rules{Minimum: Vector{Ports: Ranges{{1, 2}}}}, "resources.minimum[ports]"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := NewTranslator(tt.rules)
			var invalid *field.Error
			if !errors.As(err, &invalid) || invalid.Field != tt.field {
				t.Errorf("error %v, want one about %s", err, tt.field)
			}
		})
	}
}
