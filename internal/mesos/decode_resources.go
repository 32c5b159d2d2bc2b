package mesos

import (
	"fmt"
	"hash/maphash"
	"math"
	"strconv"
	"strings"

	mesos "github.com/mesos/mesos-go/api/v1/lib"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

const (
	// maxMilli bounds one amount: beyond it float64 has no three decimals left
	// and sums could overflow. 10^15 thousandths of a MiB are an exbibyte.
	maxMilli = 1e15
	maxPort  = math.MaxUint16
)

// decodePortions groups resources by their reservation stack, in order of
// first appearance. Left out are disks with a source or persistence, revocable
// and shared resources, those of resource providers, sets, and ranges other
// than ports: a pod's reservation must not touch them.
func decodePortions(list []mesos.Resource) []resources.Portion {
	var g grouping
	for i := range list {
		g.add(&list[i], newStack(decodeLayers(&list[i])))
	}
	return g.portions
}

// grouping is resources by their reservation stack.
type grouping struct {
	portions []resources.Portion
	hashes   []uint64 // of the stack of each
}

// add adds one resource, if it is one that a pod's reservation may have.
func (g *grouping) add(r *mesos.Resource, s stack) {
	vector, ok := decodeVector(r)
	if !ok {
		return
	}
	piece := resources.Portion{Layers: s.layers, Vector: vector}
	for i, hash := range g.hashes {
		if hash == s.hash && g.portions[i].SameStack(piece) {
			g.enlarge(&g.portions[i], vector)
			return
		}
	}
	g.portions, g.hashes = append(g.portions, piece), append(g.hashes, s.hash)
}

func (g *grouping) enlarge(p *resources.Portion, by resources.Vector) {
	sum := p.Vector.Add(by)
	for _, s := range sum.Scalars {
		if s.Milli > maxMilli {
			return // absurd; counting less is safe
		}
	}
	p.Vector = sum
}

// stack is the reservations that a resource is under. Where a hundred pods have
// reserved something on an agent, comparing each with each other takes longer
// than all else does; so equal ones have the same hash.
type stack struct {
	layers []resources.Layer
	hash   uint64
}

var stackSeed = maphash.MakeSeed()

func newStack(layers []resources.Layer) stack {
	var h maphash.Hash
	h.SetSeed(stackSeed)
	for _, l := range layers {
		_, _ = h.WriteString(l.Role) // a hash takes anything
		for _, label := range l.Labels {
			_, _ = h.WriteString(label.Value)
		}
	}
	return stack{layers, h.Sum64()}
}

func decodeVector(r *mesos.Resource) (resources.Vector, bool) {
	switch {
	case r.Type == nil, r.Name == "", r.ProviderID != nil, r.Revocable != nil, r.Shared != nil:
		return resources.Vector{}, false
	case r.Disk != nil && (r.Disk.Source != nil || r.Disk.Persistence != nil || r.Disk.Volume != nil):
		return resources.Vector{}, false
	case *r.Type == mesos.SCALAR && r.Scalar != nil && r.Name != resources.Ports:
		vector := resources.Scalar(r.Name, decodeScalar(r.Scalar.Value))
		return vector, !vector.IsZero()
	case *r.Type == mesos.RANGES && r.Ranges != nil && r.Name == resources.Ports:
		vector := resources.Vector{Ports: decodePorts(r.Ranges.Range)}
		return vector, !vector.IsZero()
	}
	return resources.Vector{}, false
}

// decodeScalar rounds to the nearest thousandth, half up: the number the
// master itself counts with (src/common/values.cpp). Truncating 0.3*1000 would
// lose a thousandth that is there, and rounding up would count one that is not.
func decodeScalar(value float64) resources.Milli {
	milli := math.Floor(value*1000 + 0.5)
	if !(milli > 0 && milli <= maxMilli) { // false for NaN too
		return 0
	}
	return resources.Milli(milli)
}

func decodePorts(list []mesos.Value_Range) resources.Ranges {
	ranges := make([]resources.Range, 0, len(list))
	for _, r := range list {
		if r.Begin <= maxPort {
			ranges = append(ranges, resources.Range{Begin: r.Begin, End: min(r.End, maxPort)})
		}
	}
	return resources.NewRanges(ranges...)
}

// decodeLayers returns the reservation stack. Where `reservations` is absent
// the format from before refinement is read: `role` and `reservation` (Mesos
// include/mesos/v1/mesos.proto, "Resource Format"). The operator API sends
// both forms and `reservations` has everything.
func decodeLayers(r *mesos.Resource) []resources.Layer {
	if len(r.Reservations) == 0 {
		if r.GetRole() == "" || r.GetRole() == resources.Unreserved {
			return nil
		}
		return []resources.Layer{{
			Dynamic:   r.Reservation != nil,
			Role:      r.GetRole(),
			Principal: r.GetReservation().GetPrincipal(),
			Labels:    decodeLabels(r.GetReservation().GetLabels()),
		}}
	}
	return layersOf(r.Reservations)
}

func layersOf(list []mesos.Resource_ReservationInfo) []resources.Layer {
	layers := make([]resources.Layer, len(list))
	for i := range list {
		info := &list[i]
		layers[i] = resources.Layer{
			Dynamic:   info.GetType() == mesos.Resource_ReservationInfo_DYNAMIC,
			Role:      info.GetRole(),
			Principal: info.GetPrincipal(),
			Labels:    decodeLabels(info.Labels),
		}
	}
	return layers
}

func decodeLabels(labels *mesos.Labels) []resources.Label {
	list := labels.GetLabels()
	if len(list) == 0 {
		return nil
	}
	out := make([]resources.Label, len(list))
	for i := range list {
		out[i] = resources.Label{Key: list[i].Key, Value: list[i].GetValue()}
	}
	return out
}

// decodeAttributes renders attributes in the text form of the agent's
// --attributes flag (Mesos docs/attributes-resources.md).
func decodeAttributes(list []mesos.Attribute) []resources.Label {
	var out []resources.Label
	for i := range list {
		a := &list[i]
		text := ""
		switch a.Type {
		case mesos.TEXT:
			text = a.GetText().GetValue()
		case mesos.SCALAR:
			text = strconv.FormatFloat(a.GetScalar().GetValue(), 'f', -1, 64)
		case mesos.RANGES:
			text = rangesText(a.GetRanges().GetRange())
		case mesos.SET:
			text = "{" + strings.Join(a.GetSet().GetItem(), ",") + "}"
		}
		out = append(out, resources.Label{Key: a.Name, Value: text})
	}
	return out
}

func rangesText(list []mesos.Value_Range) string {
	parts := make([]string, len(list))
	for i, r := range list {
		parts[i] = fmt.Sprintf("%d-%d", r.Begin, r.End)
	}
	return "[" + strings.Join(parts, ",") + "]"
}
