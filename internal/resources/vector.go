package resources

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Mesos resource names that the extender translates to and from.
const (
	CPUs  = "cpus"  // cores
	Mem   = "mem"   // MiB
	Disk  = "disk"  // MiB
	GPUs  = "gpus"  // whole devices
	Ports = "ports" // ranges of host ports
)

// Milli is an amount of a scalar resource in thousandths of its unit: the
// three decimals Mesos keeps (cpus 1.5 is Milli(1500), mem 64 is Milli(64000)).
type Milli int64

// Vector is an amount of every resource at once. Absent and zero mean the
// same; methods never store zeroes or empty ranges. The zero value is empty
// and ready to use. Methods that return a Vector never share memory with their
// receiver or arguments.
type Vector struct {
	// Scalars maps a Mesos resource name to its amount.
	Scalars map[string]Milli
	// Ports are the host ports, sorted, disjoint and never adjacent.
	Ports Ranges
}

// Scalar returns a vector of one scalar.
func Scalar(name string, amount Milli) Vector {
	if amount == 0 {
		return Vector{}
	}
	return Vector{Scalars: map[string]Milli{name: amount}}
}

// IsZero reports whether nothing is in v.
func (v Vector) IsZero() bool { return len(v.Scalars) == 0 && len(v.Ports) == 0 }

// Get returns the amount of one scalar, zero if absent.
func (v Vector) Get(name string) Milli { return v.Scalars[name] }

// Clone returns a deep copy.
func (v Vector) Clone() Vector {
	return Vector{Scalars: maps.Clone(v.Scalars), Ports: slices.Clone(v.Ports)}
}

// Add returns v + o.
func (v Vector) Add(o Vector) Vector {
	sum := v.Clone()
	if sum.Scalars == nil && len(o.Scalars) > 0 {
		sum.Scalars = make(map[string]Milli, len(o.Scalars))
	}
	for name, amount := range o.Scalars {
		sum.Scalars[name] += amount
	}
	sum.Ports = v.Ports.Union(o.Ports)
	return sum.normal()
}

// Sub returns v − o, with scalars that would fall below zero left out: what is
// not there cannot be taken. Use Covers first where that matters.
func (v Vector) Sub(o Vector) Vector {
	rest := Vector{Scalars: make(map[string]Milli, len(v.Scalars)), Ports: v.Ports.Minus(o.Ports)}
	for name, amount := range v.Scalars {
		rest.Scalars[name] = max(amount-o.Scalars[name], 0)
	}
	return rest.normal()
}

// Min returns what v and o have in common: the smaller of each scalar and the
// ports that are in both.
func (v Vector) Min(o Vector) Vector {
	common := Vector{Scalars: make(map[string]Milli, len(v.Scalars)), Ports: v.Ports.Intersect(o.Ports)}
	for name, amount := range v.Scalars {
		common.Scalars[name] = min(amount, o.Scalars[name])
	}
	return common.normal()
}

// Covers reports whether every amount of need is in v.
func (v Vector) Covers(need Vector) bool { return v.Shortage(need) == "" }

// Shortage returns the name of the first resource (in name order, ports last)
// of which need asks for more than v has, or "" if v covers need.
func (v Vector) Shortage(need Vector) string {
	short := ""
	for name, amount := range need.Scalars {
		if amount > v.Scalars[name] && (short == "" || name < short) {
			short = name
		}
	}
	if short == "" && !v.Ports.Contains(need.Ports) {
		return Ports
	}
	return short
}

// Equal reports whether v and o hold the same amounts.
func (v Vector) Equal(o Vector) bool { return v.Covers(o) && o.Covers(v) }

// String renders v in Mesos' own text form, for logs: cpus:1.5;mem:64;ports:[31000-31001].
func (v Vector) String() string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(v.Scalars)) {
		parts = append(parts, name+":"+v.Scalars[name].String())
	}
	if len(v.Ports) > 0 {
		parts = append(parts, Ports+":"+v.Ports.String())
	}
	return strings.Join(parts, ";")
}

// String renders thousandths with no more decimals than needed.
func (m Milli) String() string {
	if m%1000 == 0 {
		return fmt.Sprint(int64(m) / 1000)
	}
	sign := ""
	if m < 0 {
		sign, m = "-", -m
	}
	return strings.TrimRight(fmt.Sprintf("%s%d.%03d", sign, m/1000, m%1000), "0")
}

// normal drops zero amounts so that equal vectors look equal.
func (v Vector) normal() Vector {
	maps.DeleteFunc(v.Scalars, func(_ string, amount Milli) bool { return amount == 0 })
	if len(v.Scalars) == 0 {
		v.Scalars = nil
	}
	return v
}
