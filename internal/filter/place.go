package filter

import (
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/offercache"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

// natives are the scalars that a place has laid out, in name order.
var natives = [...]string{resources.CPUs, resources.Disk, resources.GPUs, resources.Mem}

// Place is a node's agent and what it has for the pods of one role, laid out so
// that 100,000 of them are judged in milliseconds: what nearly every call looks
// at takes less than a line of the cache, and nothing has to be looked up. It is
// immutable.
type Place struct {
	free  [len(natives)]resources.Milli
	lot   uint64 // of the node's name
	zone  uint32 // tells zones apart
	flags flags
	*details
}

// details are what few calls look at.
type details struct {
	why         Reason               // if refused
	role        *offercache.RoleView // nil: nothing is offered to the role
	maintenance *resources.Maintenance
	occupants   []Occupant
	reserved    [len(natives)]resources.Milli // by all occupants
}

// vacant are the details of a place without any.
var vacant details

type flags uint8

const (
	offering  flags = 1 << iota // something is free
	sure                        // what is free is in hand
	refused                     // whatever is offered
	scheduled                   // maintenance is planned
	occupied                    // there are occupants
	avoided                     // pods had better go elsewhere
	boarding                    // holds wait to leave
)

// NewPlace returns the place of a node whose agent is certain and takes pods;
// agent is nil if it offers nothing.
func NewPlace(node string, agent *offercache.AgentView, role string, occupants []Occupant) Place {
	at := Place{lot: fnv1a(node), zone: nowhere, details: &vacant}
	if agent == nil && len(occupants) == 0 {
		return at
	}
	at.details = &details{occupants: occupants}
	if len(occupants) > 0 {
		at.flags |= occupied
	}
	for i, name := range natives {
		at.reserved[i] = reservedBy(occupants, name)
	}
	if agent == nil {
		return at
	}
	at.zone = zoneOf(agent.Region, agent.Zone)
	if at.maintenance = agent.Maintenance; at.maintenance != nil {
		at.flags |= scheduled
	}
	for i := range agent.Roles {
		if agent.Roles[i].Role == role {
			at.role = &agent.Roles[i]
			at.layOut()
		}
	}
	return at
}

// Avoid ranks the place below all others of its zone that fit, as the node's taint
// of the effect PreferNoSchedule wants it.
func (p *Place) Avoid() { p.flags |= avoided }

// reservedBy sums up how much of a scalar the occupants have reserved.
func reservedBy(occupants []Occupant, name string) (sum resources.Milli) {
	for i := range occupants {
		sum += occupants[i].Reserved.Get(name)
	}
	return sum
}

// layOut copies what is free.
func (p *Place) layOut() {
	free := &p.role.Free
	for i, name := range natives {
		p.free[i] = free.Scalars.Get(name)
	}
	if !free.IsZero() {
		p.flags |= offering
	}
	if p.role.Certain.Covers(*free) {
		p.flags |= sure
	}
	if p.role.Waiting {
		p.flags |= boarding
	}
}

// NewRefused returns the place of a node that takes no pods.
func NewRefused(why Reason) Place {
	return Place{flags: refused, details: &details{why: why}}
}

// certain reports whether the needs, which are free, are in offers in hand: not
// in the rest of an offer that is on its way back.
func (p *Place) certain(n *needs) bool {
	return p.flags&sure != 0 || p.role != nil && n.shortage(p.role.Certain) == ""
}

// nowhere is the zone of agents that tell none.
var nowhere = zoneOf("", "")

func zoneOf(region, name string) uint32 { return uint32(fnv1a(region + "/" + name)) }

// fnv1a is the hash of that name.
func fnv1a(text string) uint64 {
	h := uint64(0xcbf29ce484222325)
	for i := range len(text) {
		h = (h ^ uint64(text[i])) * 0x100000001b3
	}
	return h
}
