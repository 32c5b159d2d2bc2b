package resources

import (
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// validate refuses what the API server would refuse too. The extender cannot
// rely on that: its callers' bodies need not come from an API server. The
// result is an untyped nil or a *field.Error.
func (t *Translator) validate(pod *corev1.Pod) error {
	spec := field.NewPath("spec")
	if len(pod.Spec.Containers) == 0 {
		return field.Required(spec.Child("containers"), "a pod has at least one container")
	}
	if err := t.validateContainers(pod, pod.Spec.InitContainers, spec.Child("initContainers")); err != nil {
		return err
	}
	if err := t.validateContainers(pod, pod.Spec.Containers, spec.Child("containers")); err != nil {
		return err
	}
	if err := t.validateList(pod.Spec.Overhead, spec.Child("overhead")); err != nil {
		return err
	}
	if pod.Spec.Resources != nil {
		if err := t.validateList(pod.Spec.Resources.Requests, spec.Child("resources", "requests")); err != nil {
			return err
		}
	}
	return nil
}

func (t *Translator) validateContainers(pod *corev1.Pod, containers []corev1.Container, path *field.Path) *field.Error {
	for i := range containers {
		at := path.Index(i)
		if err := t.validateList(containers[i].Resources.Requests, at.Child("resources", "requests")); err != nil {
			return err
		}
		for j := range containers[i].Ports {
			if port := hostPort(pod, &containers[i].Ports[j]); port < 0 || port > maxPort {
				return field.Invalid(at.Child("ports").Index(j).Child("hostPort"), port, "must be a port number")
			}
		}
	}
	return nil
}

func (t *Translator) validateList(list corev1.ResourceList, path *field.Path) *field.Error {
	for _, name := range slices.Sorted(maps.Keys(list)) {
		quantity := list[name]
		if quantity.Sign() < 0 {
			return field.Invalid(path.Key(string(name)), quantity.String(), "must not be negative")
		}
		if t.extended[name].Scalar == GPUs && !whole(quantity) {
			return field.Invalid(path.Key(string(name)), quantity.String(), "gpus are whole")
		}
	}
	return nil
}

// whole reports whether q has no fraction.
func whole(q resource.Quantity) bool {
	units := q.DeepCopy()
	return units.RoundUp(0)
}
