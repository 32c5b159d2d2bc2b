package config

import (
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

// translated are the Mesos resources that pods' native requests already
// become. An extended resource is none of them; gpus, which nvidia.com/gpu
// becomes without a rule, may have further sources.
var translated = []string{resources.CPUs, resources.Mem, resources.Disk, resources.Ports}

func (r Resources) validate(path *field.Path) field.ErrorList {
	var errs field.ErrorList
	minimum := path.Child("minimum")
	errs = append(errs, amountNotNegative(minimum.Child("cpus"), r.Minimum.CPUs)...)
	errs = append(errs, amountNotNegative(minimum.Child("mem"), r.Minimum.Mem)...)
	if r.Minimum.CPUs == 0 && r.Minimum.Mem == 0 {
		// A pod that requests nothing would need an empty RESERVE, which ends
		// a Mesos master.
		errs = append(errs, field.Required(minimum, "cpus or mem must be above 0"))
	}
	for _, name := range slices.Sorted(maps.Keys(r.Extended)) {
		errs = append(errs, r.Extended[name].validate(path.Child("extended").Key(name), name)...)
	}
	return errs
}

func (e ExtendedResource) validate(path *field.Path, name string) field.ErrorList {
	var errs field.ErrorList
	for _, detail := range validation.IsQualifiedName(name) {
		errs = append(errs, field.Invalid(path, name, detail))
	}
	if !strings.Contains(name, "/") || strings.Contains(strings.Split(name, "/")[0], "kubernetes.io") {
		errs = append(errs, field.Invalid(path, name, "must be an extended resource, domain/name outside kubernetes.io"))
	}
	scalar := path.Child("scalar")
	switch {
	case e.Scalar == "":
		errs = append(errs, field.Required(scalar, "name of the Mesos resource"))
	case slices.Contains(translated, e.Scalar):
		errs = append(errs, field.Invalid(scalar, e.Scalar, "already stands for a native resource of pods"))
	case strings.ContainsAny(e.Scalar, " \t\n;:[]{}"):
		errs = append(errs, field.Invalid(scalar, e.Scalar, "must be the plain name of a Mesos scalar"))
	}
	return append(errs, e.validateFactor(path.Child("factor"))...)
}

func (e ExtendedResource) validateFactor(path *field.Path) field.ErrorList {
	switch {
	case e.Factor == nil:
		return nil
	case *e.Factor <= 0:
		return field.ErrorList{field.Invalid(path, resources.Milli(*e.Factor).String(), "must be above 0")}
	case e.Scalar == resources.GPUs && *e.Factor%1000 != 0:
		return field.ErrorList{field.Invalid(path, resources.Milli(*e.Factor).String(), "gpus are whole in Mesos")}
	}
	return nil
}

func amountNotNegative(path *field.Path, amount Amount) field.ErrorList {
	if amount < 0 {
		return field.ErrorList{field.Invalid(path, resources.Milli(amount).String(), "must not be negative")}
	}
	return nil
}
