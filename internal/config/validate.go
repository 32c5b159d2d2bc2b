package config

import (
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Validate returns one error per wrong field, with the field's path.
func (c *Config) Validate() field.ErrorList {
	var errs field.ErrorList
	errs = append(errs, oneOf(field.NewPath("apiVersion"), c.APIVersion, APIVersion)...)
	errs = append(errs, oneOf(field.NewPath("kind"), c.Kind, Kind)...)
	errs = append(errs, named(field.NewPath("clusterID"), c.ClusterID, validation.IsDNS1123Label)...)
	errs = append(errs, named(field.NewPath("schedulerName"), c.SchedulerName, validation.IsDNS1123Subdomain)...)
	errs = append(errs, oneOf(field.NewPath("foreignPods"), c.ForeignPods, PassThrough, Refuse)...)
	errs = append(errs, c.Mesos.validate(field.NewPath("mesos"))...)
	errs = append(errs, c.Kubernetes.Lease.validate(field.NewPath("kubernetes", "lease"))...)
	errs = append(errs, c.Server.validate(field.NewPath("server"))...)
	errs = append(errs, c.Offers.validate(field.NewPath("offers"))...)
	errs = append(errs, c.Bind.validate(field.NewPath("bind"))...)
	errs = append(errs, c.Release.validate(field.NewPath("release"))...)
	errs = append(errs, c.Filter.validate(field.NewPath("filter"))...)
	errs = append(errs, oneOf(field.NewPath("scoring", "strategy"), c.Scoring.Strategy, BinPacking, Spreading)...)
	errs = append(errs, c.Resources.validate(field.NewPath("resources"))...)
	errs = append(errs, positive(field.NewPath("wake", "interval"), c.Wake.Interval)...)
	return append(errs, c.validateTimes()...)
}

func (f Filter) validate(path *field.Path) field.ErrorList {
	if f.Candidates < 0 {
		return field.ErrorList{field.Invalid(path.Child("candidates"), f.Candidates, "must not be negative")}
	}
	return nil
}

// validateTimes checks what must hold between sections: a shutdown that is
// shorter than a bind would cut binds in flight.
func (c *Config) validateTimes() field.ErrorList {
	return above(field.NewPath("server", "shutdownTimeout"), c.Server.ShutdownTimeout, "bind.timeout", c.Bind.Timeout)
}

// oneOf demands one of a few values.
func oneOf[T ~string](path *field.Path, value T, allowed ...T) field.ErrorList {
	if value == "" {
		return field.ErrorList{field.Required(path, "one of "+quoted(allowed))}
	}
	if !slices.Contains(allowed, value) {
		return field.ErrorList{field.NotSupported(path, value, allowed)}
	}
	return nil
}

func quoted[T ~string](values []T) string {
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = `"` + string(v) + `"`
	}
	return strings.Join(texts, ", ")
}

// named demands a name in the form that check describes.
func named(path *field.Path, value string, check func(string) []string) field.ErrorList {
	if value == "" {
		return field.ErrorList{field.Required(path, "")}
	}
	var errs field.ErrorList
	for _, detail := range check(value) {
		errs = append(errs, field.Invalid(path, value, detail))
	}
	return errs
}

func positive(path *field.Path, d metav1.Duration) field.ErrorList {
	if d.Duration <= 0 {
		return field.ErrorList{field.Invalid(path, d.Duration.String(), "must be positive")}
	}
	return nil
}

func notNegative(path *field.Path, d metav1.Duration) field.ErrorList {
	if d.Duration < 0 {
		return field.ErrorList{field.Invalid(path, d.Duration.String(), "must not be negative")}
	}
	return nil
}

// above demands d > floor, the value of another field.
func above(path *field.Path, d metav1.Duration, floorField string, floor metav1.Duration) field.ErrorList {
	if d.Duration <= floor.Duration {
		return field.ErrorList{field.Invalid(path, d.Duration.String(),
			"must be longer than "+floorField+", "+floor.Duration.String())}
	}
	return nil
}
