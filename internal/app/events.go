package app

import (
	"go.uber.org/zap"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/kube"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/logkeys"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/mesos"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

// mesosEvents passes on what the master says. It runs in the Mesos event loop,
// so nothing here blocks.
type mesosEvents struct {
	*App
	ids chan string // the framework ID to save; holds the latest
}

var _ mesos.Handler = mesosEvents{}

// timed measures how long an event kept the loop.
func (e mesosEvents) timed(event string) func() {
	start := e.clock.Now()
	return func() { e.metrics.loop.WithLabelValues(event).Observe(e.clock.Since(start).Seconds()) }
}

func (e mesosEvents) Subscribed(s mesos.Subscription) {
	defer e.timed("subscribed")()
	e.cache.Expect(e.nodes.Map().Nodes())
	e.cache.Reset(s.Generation)
	e.state.subscribed.Store(true)
	select {
	case <-e.ids: // one that nobody has taken is out of date
	default:
	}
	e.ids <- s.FrameworkID
	e.reservations.Connection(true)
	e.demand.Connection(true)
}

func (e mesosEvents) Disconnected(uint64, error) {
	defer e.timed("disconnected")()
	e.state.subscribed.Store(false)
	e.cache.Reset(0) // no generation: nothing enters until the next one
	e.reservations.Connection(false)
	e.demand.Connection(false)
}

func (e mesosEvents) Offers(generation uint64, offers []*resources.Offer) {
	defer e.timed("offers")()
	for _, o := range offers {
		e.nodes.SetAgent(kube.AgentIdentity{ID: o.AgentID, Hostname: o.Hostname, Address: o.Address})
	}
	keys := e.cache.Add(generation, offers)
	e.reservations.Offers(offers, keys)
	e.demand.Changed(keys)
}

func (e mesosEvents) Rescind(generation uint64, offerID string) {
	defer e.timed("rescind")()
	e.metrics.rescinds.Inc()
	if key, ok := e.cache.Rescind(generation, offerID); ok {
		e.reservations.Touched(key)
	}
}

func (e mesosEvents) OperationStatus(s mesos.OperationStatus) {
	defer e.timed("operation_status")()
	e.reservations.Status(s)
}

func (e mesosEvents) AgentLost(agentID string) {
	defer e.timed("agent_lost")()
	e.log.Info("agent lost", zap.String(logkeys.AgentID, agentID))
	e.cache.ForgetAgent(agentID)
	e.reservations.AgentLost(agentID, e.cfg.Mesos.Roles)
}

// eventBuckets reach from a cheap event to one that others notice.
var eventBuckets = []float64{.00001, .0001, .001, .005, .01, .05, .1, .5, 1}
