package filter

import (
	"slices"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

// Verdict is the answer about the nodes of one filter call.
//
// No refused node is ever named as a candidate for preemption, not even where
// evicting pods of ours would make room in Mesos. A node that filter sees has
// passed kube-scheduler's own filters with all its pods on it, so the scheduler
// finds nobody to evict there; it says so node by node, in random order, in the
// pod's condition, and each new text makes it try again at once: 3,516 filter
// calls in 15 s for one pod with 30 such nodes, against 2 without.
type Verdict struct {
	// Fits are the nodes to choose from, in the order they came: all that fit,
	// or the best of them.
	Fits []string
	// Fitting counts the nodes that fit.
	Fitting int
	// Unresolvable has the reason of every node, in the order they came, if none
	// fits, and is empty otherwise: reasons are for the pod's condition, which
	// kube-scheduler writes only then.
	Unresolvable []Reason
	// Reasons counts the refused nodes by reason.
	Reasons map[Reason]int
}

// Refused counts the refused nodes.
func (v Verdict) Refused() int {
	refused := 0
	for _, nodes := range v.Reasons {
		refused += nodes
	}
	return refused
}

// RefuseAll refuses every node for one reason.
func RefuseAll(nodes Names, reason Reason) Verdict {
	v := Verdict{Unresolvable: slices.Repeat([]Reason{reason}, nodes.Len())}
	if nodes.Len() > 0 {
		v.Reasons = map[Reason]int{reason: nodes.Len()}
	}
	return v
}

// Filter says which nodes the pod can go to: those whose agent offers the
// pod's role what the pod needs, and the one where the pod already holds its
// reservation. Of more than choice asks for it names the best.
func Filter(view View, request Request, nodes Names, choice Choice) Verdict {
	if why := view.closed(); why != "" {
		return RefuseAll(nodes, why)
	}
	return filterIn(partsOf(nodes.Len()), view, request, nodes, choice)
}

// filterIn judges the nodes in parts.
func filterIn(parts int, view View, request Request, nodes Names, choice Choice) Verdict {
	p := newPass(view, request)
	all := make([]judged, parts)
	all[0].pass = p
	for i := range all[1:] {
		all[1+i].pass = p.again()
	}
	inParts(nodes.Len(), parts, func(part, from, to int) { all[part].filter(nodes, from, to, choice) })
	whole := &all[0]
	for i := range all[1:] {
		whole.add(&all[1+i])
	}
	if whole.fits.count == 0 {
		return whole.settle(whole.refused)
	}
	return Verdict{Fits: nodes.Copy(whole.fits.chosen()), Fitting: whole.fits.count, Reasons: whole.refused.counts()}
}

// filter judges nodes[from:to].
func (j *judged) filter(nodes Names, from, to int, choice Choice) {
	j.fits, j.refused.nodes = choice.among(nodes.Len(), j.request.PodUID), to-from
	var fitting, others [Batch]uint8
	j.each(nodes.Slice(from, to), &j.found, func(first int, places []*Place) {
		fit, other := j.sort(places, &fitting, &others)
		for _, i := range fitting[:fit] {
			j.fits.add(j.pass, from+first+int(i), places[i])
		}
		for _, i := range others[:other] {
			at := places[i]
			if why := j.judge(at); why == "" {
				j.fits.add(j.pass, from+first+int(i), at)
			} else {
				j.refuse(first+int(i), at, why)
			}
		}
	})
}

// pass is the work of one call.
type pass struct {
	view    View
	request Request
	needs   needs
	places  Places // nil: they are made anew
	holds   bool   // the pod has a reservation
	// plenty tells, for each of needs.scalars, whether some agent offers
	// enough of it; plentyPorts the same of ports.
	plenty      []bool
	plentyPorts bool
	offers      bool // some agent offers something
}

func newPass(view View, request Request) *pass {
	n := newNeeds(request.Need)
	p := &pass{
		view: view, request: request, needs: n,
		holds:  view.Occupants != nil && view.Occupants.Holds(request.PodUID),
		plenty: make([]bool, len(n.scalars)),
	}
	if view.Roster != nil {
		p.places = view.Roster.Role(request.Role)
	}
	return p
}

// again returns a pass of the same call for another part of its nodes.
func (p *pass) again() *pass {
	other := *p
	other.plenty = make([]bool, len(p.plenty))
	return &other
}

// sort tells the places that fit at first sight from the others, by their index.
// It does so without a branch: whether a place fits no processor can foretell,
// and each wrong guess costs as much as all the rest of a place.
func (p *pass) sort(places []*Place, fitting, others *[Batch]uint8) (fit, other int) {
	for i, at := range places[:min(len(places), Batch)] {
		fitting[fit%Batch], others[other%Batch] = uint8(i), uint8(i)
		short := p.needs.short(at)
		fit += 1 - short
		other += short
	}
	return fit, other
}

// judge returns why the place is refused, "" if it fits.
func (p *pass) judge(at *Place) Reason {
	if why := p.view.unusable(at); why != "" {
		return why
	}
	why := NoOffers
	if at.flags&offering != 0 {
		short := p.needs.lacks(at)
		if short == "" {
			return ""
		}
		why = insufficient(short)
	}
	if p.own(at) {
		return ""
	}
	return why
}

// own reports whether the pod already has its place: it comes back after a bind
// whose answer the scheduler did not wait for.
func (p *pass) own(at *Place) bool {
	return p.holds && at.flags&occupied != 0 && p.needs.covered(resources.Vector{}, at.occupants, p.itself)
}

// itself picks the pod's own reservation.
func (p *pass) itself(o *Occupant) bool { return o.UID == p.request.PodUID }

// note records of which of the needed resources a place that offers something has
// enough.
func (p *pass) note(at *Place) {
	p.offers = true
	for i := range p.needs.scalars {
		s := &p.needs.scalars[i]
		p.plenty[i] = p.plenty[i] || s.amount <= s.freeAt(at)
	}
	p.plentyPorts = p.plentyPorts || len(p.needs.ports) == 0 || at.role.Free.Ports.Contains(p.needs.ports)
}

// settle gives all nodes that lack offers the same reason, once no node fits.
// Offers come and go by the second; told per node, "60 no offers, 40
// insufficient cpus" would read differently at each attempt, and every new
// text wakes the pod again (see Reason). What no agent has is steadier.
func (p *pass) settle(r refusals) Verdict {
	if p.offers {
		r.replacePassing(p.common())
	}
	return Verdict{Unresolvable: r.each(), Reasons: r.counts()}
}

// common returns the first needed resource of which no agent offers enough.
func (p *pass) common() Reason {
	for i, s := range p.needs.scalars {
		if !p.plenty[i] {
			return insufficient(s.name)
		}
	}
	if !p.plentyPorts {
		return InsufficientPorts
	}
	return Scattered
}
