package mesossim

import (
	"slices"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler"
)

// framework is the master's record of one framework.
type framework struct {
	id           string
	info         mesos.FrameworkInfo
	stream       *stream // nil while disconnected
	active       bool
	registered   time.Time
	reregistered time.Time
	unregistered time.Time

	suppressed map[string]bool                      // role → no offers wanted
	filters    map[string]map[string][]*offerFilter // role → agent ID → refused
	inverse    map[string][]*entry                  // agent ID → inverse offer filters
	minimum    map[string][]quantities              // role → offer_filters

	offers        map[string]*offer
	offered       sum // sum of offers
	inverseOffers map[string]*inverseOffer
	operations    map[string]*operation // operation UUID → operation
	operationIDs  map[string]string     // operation ID → UUID of the last one with it
	tasks         map[string]*task      // task ID → running task
	unreachable   map[string]*task
	ended         []*task

	neighbour *neighbour // nil for a framework with a connection

	heartbeat *entry
	failover  *entry // removal after failover_timeout
}

func newFramework(id string, info mesos.FrameworkInfo) *framework {
	fw := &framework{
		id: id, registered: time.Now(),
		suppressed: map[string]bool{}, filters: map[string]map[string][]*offerFilter{},
		inverse: map[string][]*entry{}, offers: map[string]*offer{}, inverseOffers: map[string]*inverseOffer{},
		operations: map[string]*operation{}, operationIDs: map[string]string{},
		tasks: map[string]*task{}, unreachable: map[string]*task{},
	}
	fw.reregistered = fw.registered
	fw.setInfo(info)
	return fw
}

func (fw *framework) setInfo(info mesos.FrameworkInfo) {
	info.ID = &mesos.FrameworkID{Value: fw.id}
	fw.info = info
	fw.minimum = map[string][]quantities{}
	for role, filters := range info.OfferFilters {
		if filters.MinAllocatableResources == nil {
			continue
		}
		list := []quantities{}
		for _, q := range filters.MinAllocatableResources.Quantities {
			amounts := quantities{}
			for name, scalar := range q.Quantities {
				amounts[name] = toFixed(scalar.Value)
			}
			list = append(list, amounts)
		}
		fw.minimum[role] = list
	}
}

func (fw *framework) roles() []string { return rolesOf(&fw.info) }

func (fw *framework) hasRole(role string) bool { return slices.Contains(fw.roles(), role) }

func (fw *framework) partitionAware() bool {
	return capable(&fw.info, mesos.FrameworkInfo_Capability_PARTITION_AWARE)
}

func (fw *framework) connected() bool { return fw.stream != nil }

// send adds an event to the framework's stream, if it has one.
func (m *master) send(fw *framework, event *scheduler.Event) {
	if fw == nil || fw.stream == nil {
		return
	}
	if m.sim.loseEvent(fw, event) {
		return
	}
	m.counters.Events[event.Type.String()]++
	fw.stream.send(event)
}

func errorEvent(message string) *scheduler.Event {
	return &scheduler.Event{Type: scheduler.Event_ERROR, Error: &scheduler.Event_Error{Message: message}}
}

func failureEvent(agentID string) *scheduler.Event {
	return &scheduler.Event{
		Type:    scheduler.Event_FAILURE,
		Failure: &scheduler.Event_Failure{AgentID: &mesos.AgentID{Value: agentID}},
	}
}
