package resources

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// NvidiaGPU is the extended resource that becomes gpus without a rule.
const NvidiaGPU corev1.ResourceName = "nvidia.com/gpu"

// Rules say what the API conventions of Kubernetes and Mesos leave open.
type Rules struct {
	// Extended maps the full name of an extended resource of Kubernetes, such
	// as example.com/fpga, to a scalar of Mesos.
	Extended map[string]ExtendedRule
	// Minimum holds the scalars that a pod gets of each resource of which it
	// requests nothing. Mesos cannot reserve nothing.
	Minimum Vector
}

// ExtendedRule is the Mesos side of one extended resource.
type ExtendedRule struct {
	// Scalar is the Mesos resource name. Several extended resources may share
	// one; their amounts add up.
	Scalar string
	// Factor is the Mesos amount for one unit of the extended resource, in
	// thousandths; 0 stands for 1000, one to one.
	Factor Milli
}

// Translator turns pods into vectors. It is immutable and safe for concurrent
// use.
type Translator struct {
	extended map[corev1.ResourceName]ExtendedRule
	minimum  Vector
}

// NewTranslator checks rules and returns their translator. Errors are
// *field.Error with paths below resources, as in the configuration file.
func NewTranslator(rules Rules) (*Translator, error) {
	t := &Translator{
		extended: map[corev1.ResourceName]ExtendedRule{NvidiaGPU: {Scalar: GPUs, Factor: 1000}},
		minimum:  rules.Minimum.Clone(),
	}
	path := field.NewPath("resources")
	if err := checkMinimum(rules.Minimum, path.Child("minimum")); err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(rules.Extended)) {
		rule, err := rules.Extended[name].complete(name, path.Child("extended").Key(name))
		if err != nil {
			return nil, err
		}
		t.extended[corev1.ResourceName(name)] = rule
	}
	return t, nil
}

// complete returns the rule with its defaults.
func (r ExtendedRule) complete(name string, path *field.Path) (ExtendedRule, error) {
	if native(corev1.ResourceName(name)) {
		return r, field.Invalid(path, name, "not the name of an extended resource")
	}
	if r.Scalar == "" {
		return r, field.Required(path.Child("scalar"), "the Mesos resource that stands for "+name)
	}
	if r.Scalar == Ports {
		return r, field.Invalid(path.Child("scalar"), r.Scalar, "not a scalar of Mesos")
	}
	if r.Factor == 0 {
		r.Factor = 1000
	}
	if err := r.Factor.check(path.Child("factor")); err != nil {
		return r, err
	}
	if r.Scalar == GPUs && r.Factor%1000 != 0 {
		return r, field.Invalid(path.Child("factor"), r.Factor.String(), "gpus are whole in Mesos")
	}
	return r, nil
}

func checkMinimum(minimum Vector, path *field.Path) error {
	if len(minimum.Ports) > 0 {
		return field.Forbidden(path.Key(Ports), "ports have no minimum")
	}
	for _, s := range minimum.Scalars {
		if err := s.Milli.check(path.Key(s.Name)); err != nil {
			return err
		}
		if s.Name == GPUs && s.Milli%1000 != 0 {
			return field.Invalid(path.Key(s.Name), s.Milli.String(), "gpus are whole in Mesos")
		}
	}
	return nil
}

// check refuses amounts that no Mesos scalar can hold.
func (m Milli) check(path *field.Path) *field.Error {
	if m < 0 {
		return field.Invalid(path, m.String(), "must not be negative")
	}
	if m > maxScalar {
		return field.Invalid(path, m.String(), "too large for a Mesos scalar")
	}
	return nil
}

// native reports whether name belongs to Kubernetes itself, by the rule of
// IsNativeResource in k8s.io/kubernetes/pkg/apis/core/v1/helper.
func native(name corev1.ResourceName) bool {
	return !strings.Contains(string(name), "/") || strings.Contains(string(name), "kubernetes.io/")
}

// withMinimum puts the minimum in place of every absent scalar of v, which is
// the caller's own.
func (t *Translator) withMinimum(v Vector) Vector {
	for _, least := range t.minimum.Scalars {
		if v.Get(least.Name) == 0 {
			v.Scalars = v.Scalars.with(least.Name, least.Milli)
		}
	}
	if len(v.Scalars) == 0 {
		v.Scalars = nil
	}
	return v
}

// UnsupportedError is returned for a pod that requests an extended resource
// for which there is no rule.
type UnsupportedError struct {
	Resource string // of Kubernetes
}

func (e *UnsupportedError) Error() string {
	return fmt.Sprintf("extended resource %s has no Mesos counterpart: name one in the configuration's resources.extended", e.Resource)
}
