package mesossim

import (
	"cmp"
	"maps"
	"slices"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler"
)

// offer is an outstanding offer.
type offer struct {
	id        string
	seq       int // order of issue
	framework *framework
	agent     *agent
	role      string
	resources resources
	unavail   *mesos.Unavailability
	timeout   *entry
}

// offersInOrder returns the offers in order of issue.
func offersInOrder(offers map[string]*offer) []*offer {
	return slices.SortedFunc(maps.Values(offers), func(a, b *offer) int { return cmp.Compare(a.seq, b.seq) })
}

// sendOffers makes an offer of each grant and sends them in one event.
func (m *master) sendOffers(fw *framework, grants []grant) {
	event := &scheduler.Event{Type: scheduler.Event_OFFERS, Offers: &scheduler.Event_Offers{}}
	for _, g := range grants {
		seq := m.nextOffer
		o := &offer{
			id: m.newOfferID().Value, seq: seq, framework: fw, agent: g.agent, role: g.role,
			resources: g.resources, unavail: g.agent.unavailability,
		}
		m.offers[o.id] = o
		fw.offers[o.id] = o
		fw.offered.add(o.resources)
		g.agent.offered.add(o.resources)
		if g.agent.offers == nil {
			g.agent.offers = map[string]*offer{}
		}
		g.agent.offers[o.id] = o
		if m.flags.offerTimeout > 0 {
			o.timeout = m.after(m.flags.offerTimeout, func() { m.removeOffer(o, nil, true) })
		}
		event.Offers.Offers = append(event.Offers.Offers, o.toProto())
	}
	m.send(fw, event)
	m.react(fw, event.Offers.Offers)
}

func (o *offer) toProto() mesos.Offer {
	role := o.role
	h := o.agent.host
	return mesos.Offer{
		ID:             mesos.OfferID{Value: o.id},
		FrameworkID:    mesos.FrameworkID{Value: o.framework.id},
		AgentID:        mesos.AgentID{Value: o.agent.id},
		Hostname:       h.spec.Hostname,
		URL:            h.url(),
		Domain:         h.domain,
		Resources:      o.resources.toProto(),
		Attributes:     h.attributes,
		Unavailability: o.unavail,
		AllocationInfo: &mesos.Resource_AllocationInfo{Role: &role},
	}
}

// removeOffer gives the offer's resources back; rescind tells the framework.
func (m *master) removeOffer(o *offer, filters *mesos.Filters, rescind bool) {
	m.give(o.framework.id, o.agent, o.resources, filters)
	m.forgetOffer(o)
	if rescind {
		m.send(o.framework, &scheduler.Event{
			Type:    scheduler.Event_RESCIND,
			Rescind: &scheduler.Event_Rescind{OfferID: mesos.OfferID{Value: o.id}},
		})
	}
}

// forgetOffer takes the offer out of the books and leaves its resources to the
// caller.
func (m *master) forgetOffer(o *offer) {
	o.timeout.cancel()
	delete(m.offers, o.id)
	delete(o.framework.offers, o.id)
	delete(o.agent.offers, o.id)
	o.framework.offered.sub(o.resources)
	o.agent.offered.sub(o.resources)
}

// of returns what the offers, whose running total s is, hold together.
func (s *sum) of(offers map[string]*offer) resources {
	if !s.lost {
		return s.total
	}
	var out resources
	for _, o := range offersInOrder(offers) {
		for i := range o.resources {
			out.add(&o.resources[i])
		}
	}
	return out
}

// rescindOffersOf takes back all offers and inverse offers of an agent.
func (m *master) rescindOffersOf(ag *agent) {
	for _, o := range offersInOrder(ag.offers) {
		m.removeOffer(o, nil, true)
	}
	for _, o := range inverseInOrder(ag.inverseOffers) {
		m.clearInverse(o)
		m.removeInverse(o, true)
	}
}

// decline handles DECLINE; unknown offers are ignored.
func (m *master) decline(fw *framework, call *scheduler.Call_Decline) {
	filters := orDefault(call.Filters)
	for _, id := range call.OfferIDs {
		if o := fw.offers[id.Value]; o != nil {
			m.removeOffer(o, filters, false)
		}
	}
}

// orDefault turns absent filters into the default ones, which refuse for 5 s.
func orDefault(filters *mesos.Filters) *mesos.Filters {
	if filters == nil {
		return &mesos.Filters{}
	}
	return filters
}

// revive handles REVIVE: filters go, suppression ends, and an allocation runs
// at once.
func (m *master) revive(fw *framework, roles []string) {
	if roles = ownRoles(fw, roles); roles == nil {
		return
	}
	clear(fw.inverse)
	for _, role := range roles {
		delete(fw.filters, role)
		delete(fw.suppressed, role)
	}
	m.allocateEverywhere()
}

// suppress handles SUPPRESS; offers that are held stay.
func (m *master) suppress(fw *framework, roles []string) {
	for _, role := range ownRoles(fw, roles) {
		fw.suppressed[role] = true
	}
}

// ownRoles returns the roles that a call means: all of the framework when it
// names none, nothing when it names one that is not the framework's.
func ownRoles(fw *framework, roles []string) []string {
	if len(roles) == 0 {
		return fw.roles()
	}
	for _, role := range roles {
		if !fw.hasRole(role) {
			return nil
		}
	}
	return roles
}
