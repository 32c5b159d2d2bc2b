package mesossim

import (
	"cmp"
	"maps"
	"slices"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/allocator"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler"
)

// inverseOffer asks a framework to leave an agent before its maintenance.
type inverseOffer struct {
	id        string
	seq       int
	framework *framework
	agent     *agent
	unavail   mesos.Unavailability
}

// inverseResponse is a framework's last answer for an agent.
type inverseResponse struct {
	status allocator.InverseOfferStatus_Status
	at     time.Time
}

func inverseInOrder(offers map[string]*inverseOffer) []*inverseOffer {
	return slices.SortedFunc(maps.Values(offers), func(a, b *inverseOffer) int { return cmp.Compare(a.seq, b.seq) })
}

// offerInverse sends inverse offers of agents with scheduled maintenance to
// the frameworks that have something offered or allocated there.
func (m *master) offerInverse(agents []*agent) {
	byFramework := map[string][]*agent{}
	for _, ag := range agents {
		if ag.unavailability == nil || ag.removed {
			continue
		}
		for id := range ag.held {
			fw := m.frameworks[id]
			if fw == nil || !fw.active || ag.outstanding[id] || len(fw.inverse[ag.id]) > 0 {
				continue
			}
			ag.setOutstanding(id, true)
			byFramework[id] = append(byFramework[id], ag)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(byFramework)) {
		m.sendInverse(m.frameworks[id], byFramework[id])
	}
}

func (ag *agent) setOutstanding(frameworkID string, is bool) {
	if ag.outstanding == nil {
		ag.outstanding = map[string]bool{}
	}
	ag.outstanding[frameworkID] = is
}

func (m *master) sendInverse(fw *framework, agents []*agent) {
	event := &scheduler.Event{Type: scheduler.Event_INVERSE_OFFERS, InverseOffers: &scheduler.Event_InverseOffers{}}
	for _, ag := range agents {
		seq := m.nextOffer
		o := &inverseOffer{id: m.newOfferID().Value, seq: seq, framework: fw, agent: ag, unavail: *ag.unavailability}
		m.inverse[o.id] = o
		fw.inverseOffers[o.id] = o
		if ag.inverseOffers == nil {
			ag.inverseOffers = map[string]*inverseOffer{}
		}
		ag.inverseOffers[o.id] = o
		event.InverseOffers.InverseOffers = append(event.InverseOffers.InverseOffers, o.toProto())
	}
	m.send(fw, event)
}

func (o *inverseOffer) toProto() mesos.InverseOffer {
	return mesos.InverseOffer{
		OfferID:        mesos.OfferID{Value: o.id},
		URL:            o.agent.host.url(),
		FrameworkID:    mesos.FrameworkID{Value: o.framework.id},
		AgentID:        &mesos.AgentID{Value: o.agent.id},
		Unavailability: o.unavail,
	}
}

// clearInverse makes room for another inverse offer without an answer.
func (m *master) clearInverse(o *inverseOffer) {
	o.agent.setOutstanding(o.framework.id, false)
}

func (m *master) removeInverse(o *inverseOffer, rescind bool) {
	delete(m.inverse, o.id)
	delete(o.framework.inverseOffers, o.id)
	delete(o.agent.inverseOffers, o.id)
	if rescind {
		m.send(o.framework, &scheduler.Event{
			Type:                scheduler.Event_RESCIND_INVERSE_OFFER,
			RescindInverseOffer: &scheduler.Event_RescindInverseOffer{InverseOfferID: mesos.OfferID{Value: o.id}},
		})
	}
}

// answerInverse handles ACCEPT_ and DECLINE_INVERSE_OFFERS; unknown ones are
// ignored. The next inverse offer comes after refuse_seconds.
func (m *master) answerInverse(fw *framework, ids []mesos.OfferID, filters *mesos.Filters, status allocator.InverseOfferStatus_Status) {
	for _, id := range ids {
		o := fw.inverseOffers[id.Value]
		if o == nil {
			continue
		}
		ag := o.agent
		if ag.responses == nil {
			ag.responses = map[string]inverseResponse{}
		}
		ag.responses[fw.id] = inverseResponse{status, time.Now()}
		m.clearInverse(o)
		m.filterInverse(fw, ag.id, refuseDuration(filters))
		m.removeInverse(o, false)
	}
}

func (m *master) filterInverse(fw *framework, agentID string, refuse time.Duration) {
	if refuse == 0 {
		return
	}
	var filter *entry
	filter = m.after(refuse, func() {
		fw.inverse[agentID] = slices.DeleteFunc(fw.inverse[agentID], func(e *entry) bool { return e == filter })
	})
	fw.inverse[agentID] = append(fw.inverse[agentID], filter)
}
