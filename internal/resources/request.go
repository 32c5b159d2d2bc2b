package resources

import (
	"errors"
	"maps"
	"math"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation/field"
	podresource "k8s.io/component-helpers/resource"
)

const (
	// maxScalar is the largest amount whose thousandths a double, which is
	// what Mesos sends, holds exactly.
	maxScalar Milli = 1 << 53
	mebibyte        = 1 << 20
	maxPort         = math.MaxUint16
)

// ErrNothing is returned for a pod that requests nothing where no minimum is
// configured: Mesos cannot reserve nothing.
var ErrNothing = errors.New("pod requests nothing and the configuration's resources.minimum is empty")

// Request returns what a pod needs, never less than Kubernetes reckons and
// never empty. The effective request is that of
// k8s.io/component-helpers/resource, which kube-scheduler uses: containers and
// sidecars, or the pod-level request in their stead, at least each init
// container's phase, plus overhead. Of a pod that is being resized in place it
// is the largest of what the spec asks for, what the kubelet has allocated and
// what the containers have (or without the first, if the kubelet finds it
// infeasible). It becomes
//
//   - cpu: cpus, rounded up to thousandths (Mesos keeps no more),
//   - memory and ephemeral-storage: mem and disk, rounded up to whole MiB.
//     Mesos could hold thousandths; whole ones are easier on the eye;
//   - host ports of containers and sidecars: ports. Mesos does not tell
//     protocols and addresses apart, so that a port counts once;
//   - nvidia.com/gpu and what Rules.Extended names: their scalar.
//
// Native resources that Mesos does not have, hugepages-* and attachable
// volumes, are left out: the node declares them and kube-scheduler alone
// accounts for them.
//
// Errors: *field.Error with the path of a bad value in the pod, *UnsupportedError,
// ErrNothing.
func (t *Translator) Request(pod *corev1.Pod) (Vector, error) {
	if err := t.validate(pod); err != nil {
		return Vector{}, err
	}
	total := podresource.PodRequests(pod, podresource.PodResourcesOptions{
		UseStatusResources: true,
		InPlacePodLevelResourcesVerticalScalingEnabled: true,
	})
	need := Vector{Scalars: make(Scalars, 0, len(total))}
	// In name order, so that the same pod always gets the same error: a text
	// that changes makes kube-scheduler try it again at once.
	var few [8]corev1.ResourceName
	names := slices.AppendSeq(few[:0], maps.Keys(total))
	slices.Sort(names)
	for _, name := range names {
		if q := total[name]; q.Sign() < 0 { // in the status, which nobody validates
			return Vector{}, field.Invalid(field.NewPath("status").Key(string(name)), q.String(), "must not be negative")
		}
		scalar, amount, err := t.scalar(name, total[name])
		if err != nil {
			return Vector{}, err
		}
		if amount > maxScalar-need.Get(scalar) {
			return Vector{}, tooLarge(name, total[name])
		}
		need.Scalars = need.Scalars.with(scalar, amount)
	}
	need.Ports = hostPorts(pod)
	need = t.withMinimum(need)
	if need.IsZero() {
		return Vector{}, ErrNothing
	}
	return need, nil
}

// scalar returns the Mesos name and the amount, rounded up, of a pod's whole
// request of one resource; zero for what Mesos has no part in.
func (t *Translator) scalar(name corev1.ResourceName, q resource.Quantity) (string, Milli, error) {
	switch name {
	case corev1.ResourceCPU:
		amount, err := roundUp(name, q, resource.Milli)
		return CPUs, Milli(amount), err
	case corev1.ResourceMemory:
		amount, err := mebibytes(name, q)
		return Mem, amount, err
	case corev1.ResourceEphemeralStorage:
		amount, err := mebibytes(name, q)
		return Disk, amount, err
	}
	if native(name) || q.IsZero() {
		return "", 0, nil
	}
	rule, known := t.extended[name]
	if !known {
		return "", 0, &UnsupportedError{string(name)}
	}
	units, err := roundUp(name, q, 0)
	if err != nil {
		return "", 0, err
	}
	if units > int64(maxScalar/rule.Factor) {
		return "", 0, tooLarge(name, q)
	}
	return rule.Scalar, Milli(units) * rule.Factor, nil
}

// roundUp returns q in units of scale, rounded up. It refuses what would
// overflow instead of capping it, as Quantity's own methods would.
func roundUp(name corev1.ResourceName, q resource.Quantity, scale resource.Scale) (int64, error) {
	if q.Cmp(*resource.NewScaledQuantity(math.MaxInt64, scale)) > 0 {
		return 0, tooLarge(name, q)
	}
	return q.ScaledValue(scale), nil
}

// mebibytes returns q, in bytes, as thousandths of a MiB, rounded up to whole
// MiB.
func mebibytes(name corev1.ResourceName, q resource.Quantity) (Milli, error) {
	bytes, err := roundUp(name, q, 0)
	if err != nil {
		return 0, err
	}
	whole := bytes / mebibyte
	if bytes%mebibyte != 0 {
		whole++
	}
	return Milli(whole * 1000), nil
}

func tooLarge(name corev1.ResourceName, q resource.Quantity) error {
	return field.Invalid(field.NewPath("spec").Key(string(name)), q.String(), "too large for a Mesos scalar")
}

// hostPorts returns the ports that a pod occupies on its node, of the
// containers that GetHostPorts in k8s.io/kubernetes/pkg/scheduler/util counts.
// On the host's network the API server sets hostPort to containerPort; a pod
// that did not pass through it is read the same way.
func hostPorts(pod *corev1.Pod) Ranges {
	var ports []Range
	add := func(container *corev1.Container) {
		for i := range container.Ports {
			if port := hostPort(pod, &container.Ports[i]); port > 0 {
				ports = append(ports, Range{uint64(port), uint64(port)})
			}
		}
	}
	for i := range pod.Spec.InitContainers {
		if sidecar(&pod.Spec.InitContainers[i]) {
			add(&pod.Spec.InitContainers[i])
		}
	}
	for i := range pod.Spec.Containers {
		add(&pod.Spec.Containers[i])
	}
	return NewRanges(ports...)
}

func hostPort(pod *corev1.Pod, port *corev1.ContainerPort) int32 {
	if port.HostPort == 0 && pod.Spec.HostNetwork {
		return port.ContainerPort
	}
	return port.HostPort
}

func sidecar(c *corev1.Container) bool {
	return c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways
}
