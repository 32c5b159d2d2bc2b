package mesossim

import (
	"fmt"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

// agent is the master's record of a registered agent.
type agent struct {
	id     string
	host   *host
	epoch  int // of the process that registered
	hasGPU bool

	connected    bool
	active       bool // offers may be made of it
	removed      bool // no longer in the master's books
	registered   time.Time
	reregistered time.Time
	drainStart   time.Time
	lastPong     time.Time // reference of the ping schedule

	total     resources            // changed in place, like the lists in held
	held      map[string]resources // framework ID → offered or allocated to it
	free      resources            // total less held; nil with stale
	stale     bool                 // free must be computed again
	allocated map[string]resources // framework ID → used by its tasks

	offers        map[string]*offer
	offered       sum // sum of offers
	inverseOffers map[string]*inverseOffer
	operations    map[string]*operation // UUID → operation
	tasks         map[string]*task      // framework ID and task ID → task

	unavailability *mesos.Unavailability
	responses      map[string]inverseResponse // framework ID → last answer to an inverse offer
	outstanding    map[string]bool            // framework ID → an inverse offer is out
}

func newAgent(id string, h *host) *agent {
	now := time.Now()
	ag := &agent{id: id, host: h, epoch: h.epoch, connected: true, active: true, registered: now, lastPong: now, stale: true}
	ag.total = h.total.clone(0) // the host changes its own in place
	for i := range ag.total {
		ag.hasGPU = ag.hasGPU || ag.total[i].name == "gpus"
	}
	return ag
}

// String names the agent as the master's error texts do.
func (ag *agent) String() string {
	return fmt.Sprintf("%s at %s (%s)", ag.id, ag.host.pid(), ag.host.spec.Hostname)
}

// available returns what is neither offered nor allocated. It must not be
// changed.
func (ag *agent) available() resources {
	if ag.stale {
		ag.stale = false
		ag.free = ag.total
		for _, held := range ag.held {
			ag.free = ag.free.minus(held.allocate(""))
		}
	}
	return ag.free
}

func (ag *agent) setTotal(total resources) {
	ag.total = total.clone(0)
	ag.stale = true
}

// take and give are the agent's part of master.take and master.give.
func (ag *agent) take(frameworkID string, rs resources) {
	if ag.held == nil {
		ag.held = map[string]resources{}
	}
	held := ag.held[frameworkID]
	held.addAll(rs)
	ag.held[frameworkID] = held
	ag.stale = true
}

func (ag *agent) give(frameworkID string, rs resources) {
	rest := ag.held[frameworkID]
	rest.subAll(rs)
	if len(rest) == 0 {
		delete(ag.held, frameworkID)
	} else {
		ag.held[frameworkID] = rest
	}
	ag.stale = true
}

// use books rs as used by a task of the framework; sign -1 frees it.
func (ag *agent) use(frameworkID string, rs resources, sign int) {
	if ag.allocated == nil {
		ag.allocated = map[string]resources{}
	}
	if sign > 0 {
		ag.allocated[frameworkID] = ag.allocated[frameworkID].plus(rs)
		return
	}
	rest := ag.allocated[frameworkID].minus(rs)
	if len(rest) == 0 {
		delete(ag.allocated, frameworkID)
		return
	}
	ag.allocated[frameworkID] = rest
}

// allocatedTotal sums what tasks use.
func (ag *agent) allocatedTotal() resources {
	var out resources
	for _, rs := range ag.allocated {
		out = out.plus(rs)
	}
	return out
}
