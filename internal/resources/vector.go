package resources

import (
	"fmt"
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
	Scalars Scalars
	// Ports are the host ports, sorted, disjoint and never adjacent.
	Ports Ranges
}

// Scalar returns a vector of one scalar.
func Scalar(name string, amount Milli) Vector {
	if amount == 0 {
		return Vector{}
	}
	return Vector{Scalars: Scalars{{name, amount}}}
}

// IsZero reports whether nothing is in v.
func (v Vector) IsZero() bool { return len(v.Scalars) == 0 && len(v.Ports) == 0 }

// Get returns the amount of one scalar, zero if absent.
func (v Vector) Get(name string) Milli { return v.Scalars.Get(name) }

// Clone returns a deep copy.
func (v Vector) Clone() Vector {
	return Vector{Scalars: slices.Clone(v.Scalars), Ports: slices.Clone(v.Ports)}
}

// Add returns v + o.
func (v Vector) Add(o Vector) Vector {
	return Vector{
		Scalars: v.Scalars.combine(o.Scalars, v.Scalars.names(o.Scalars), sum),
		Ports:   v.Ports.Union(o.Ports),
	}
}

// Sub returns v − o, with scalars that would fall below zero left out: what is
// not there cannot be taken. Use Covers first where that matters.
func (v Vector) Sub(o Vector) Vector {
	return Vector{Scalars: v.Scalars.combine(o.Scalars, len(v.Scalars), rest), Ports: v.Ports.Minus(o.Ports)}
}

// Min returns what v and o have in common: the smaller of each scalar and the
// ports that are in both.
func (v Vector) Min(o Vector) Vector {
	return Vector{Scalars: v.Scalars.combine(o.Scalars, len(v.Scalars), smaller), Ports: v.Ports.Intersect(o.Ports)}
}

// Covers reports whether every amount of need is in v.
func (v Vector) Covers(need Vector) bool { return v.Shortage(need) == "" }

// Shortage returns the name of the first resource (in name order, ports last)
// of which need asks for more than v has, or "" if v covers need.
func (v Vector) Shortage(need Vector) string {
	for i := range need.Scalars {
		if n := &need.Scalars[i]; n.Milli > v.Scalars.Get(n.Name) {
			return n.Name
		}
	}
	if !v.Ports.Contains(need.Ports) {
		return Ports
	}
	return ""
}

// Equal reports whether v and o hold the same amounts.
func (v Vector) Equal(o Vector) bool { return v.Covers(o) && o.Covers(v) }

// String renders v in Mesos' own text form, for logs: cpus:1.5;mem:64;ports:[31000-31001].
func (v Vector) String() string {
	var parts []string
	for _, s := range v.Scalars {
		parts = append(parts, s.Name+":"+s.Milli.String())
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
