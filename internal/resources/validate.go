package resources

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// validate refuses what the API server would refuse too. The extender cannot
// rely on that: its callers' bodies need not come from an API server. The
// result is an untyped nil or a *field.Error.
func (t *Translator) validate(pod *corev1.Pod) error {
	if len(pod.Spec.Containers) == 0 {
		return field.Required(spec("containers"), "a pod has at least one container")
	}
	if err := t.validateContainers(pod, pod.Spec.InitContainers, "initContainers"); err != nil {
		return err
	}
	if err := t.validateContainers(pod, pod.Spec.Containers, "containers"); err != nil {
		return err
	}
	if err := t.validateList(pod.Spec.Overhead, func() *field.Path { return spec("overhead") }); err != nil {
		return err
	}
	if pod.Spec.Resources != nil {
		if err := t.validateList(pod.Spec.Resources.Requests, func() *field.Path { return spec("resources", "requests") }); err != nil {
			return err
		}
	}
	return nil
}

// spec is the path of a field of the pod's spec. Paths are made where there is a
// fault: every call of filter passes here, and most find none.
func spec(names ...string) *field.Path { return field.NewPath("spec", names...) }

func (t *Translator) validateContainers(pod *corev1.Pod, containers []corev1.Container, list string) *field.Error {
	for i := range containers {
		at := func() *field.Path { return spec(list).Index(i) }
		if err := t.validateList(containers[i].Resources.Requests, func() *field.Path { return at().Child("resources", "requests") }); err != nil {
			return err
		}
		for j := range containers[i].Ports {
			if port := hostPort(pod, &containers[i].Ports[j]); port < 0 || port > maxPort {
				return field.Invalid(at().Child("ports").Index(j).Child("hostPort"), port, "must be a port number")
			}
		}
	}
	return nil
}

// validateList tells the first fault in name order, so that the same pod always
// gets the same error.
func (t *Translator) validateList(list corev1.ResourceList, path func() *field.Path) *field.Error {
	var first corev1.ResourceName
	var fault string
	for name, quantity := range list {
		if why := t.fault(name, quantity); why != "" && (fault == "" || name < first) {
			first, fault = name, why
		}
	}
	if fault == "" {
		return nil
	}
	quantity := list[first]
	return field.Invalid(path().Key(string(first)), quantity.String(), fault)
}

// fault says what is wrong with an amount, "" if nothing is.
func (t *Translator) fault(name corev1.ResourceName, quantity resource.Quantity) string {
	switch {
	case quantity.Sign() < 0:
		return "must not be negative"
	case t.extended[name].Scalar == GPUs && !whole(quantity):
		return "gpus are whole"
	}
	return ""
}

// whole reports whether q has no fraction.
func whole(q resource.Quantity) bool {
	units := q.DeepCopy()
	return units.RoundUp(0)
}
