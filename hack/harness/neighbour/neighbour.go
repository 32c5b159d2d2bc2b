package neighbour

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"
)

const (
	// failoverSeconds is how long the master waits for a neighbour that lost
	// its connection.
	failoverSeconds = 3600
	// long is a filter that outlasts any story.
	long = time.Hour
	// pause is the time between two attempts to subscribe.
	pause = 200 * time.Millisecond
)

// Answer is what a neighbour does with an offer.
type Answer struct {
	// Reserve reserves everything unreserved in it; the offer that comes back
	// is held.
	Reserve bool
	// Hold keeps the offer for this long (0: for ever) and then declines it.
	Hold bool
	For  time.Duration
	// Refuse is the filter of a decline; default 5 s, as in Mesos.
	Refuse time.Duration
}

// Agent is the agent that an offer is of.
type Agent struct{ ID, Hostname string }

// Policy decides about an offer of an agent.
type Policy func(Agent) Answer

// Take reserves the agents for which wanted holds and refuses all others for
// long.
func Take(wanted func(Agent) bool) Policy {
	return func(agent Agent) Answer {
		if wanted(agent) {
			return Answer{Reserve: true}
		}
		return Answer{Refuse: long}
	}
}

// Churn holds every offer for a while and then refuses the agent for a while.
func Churn(hold, refuse time.Duration) Policy {
	return func(Agent) Answer { return Answer{Hold: true, For: hold, Refuse: refuse} }
}

// Keep holds every offer for ever.
func Keep() Policy { return func(Agent) Answer { return Answer{Hold: true} } }

// Options say who the neighbour is.
type Options struct {
	Master     string // base URL of the leader
	Name, Role string
	Policy     Policy
	// FrameworkID takes over the framework of somebody else; default: a new one.
	FrameworkID string
}

// Neighbour is a subscribed framework. Create it with Start.
type Neighbour struct {
	options Options
	http    *http.Client
	cancel  context.CancelFunc
	running sync.WaitGroup
	ready   chan struct{} // closed at the first subscription
	first   sync.Once     // closes ready

	mu        sync.Mutex // guards all below
	framework string     // its ID
	stream    string
	held      map[string]offer // offer ID → offer in hand
	reserved  map[string]bool  // agent ID → something of it is reserved
	letGo     bool
	problem   error // the latest failure
}

// Start subscribes and returns once the master has accepted. The neighbour
// subscribes again when it loses the connection, and ends with Stop.
func Start(ctx context.Context, options Options) (*Neighbour, error) {
	n := &Neighbour{
		options: options, http: &http.Client{}, ready: make(chan struct{}), framework: options.FrameworkID,
		held: map[string]offer{}, reserved: map[string]bool{},
	}
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	n.cancel = cancel
	n.running.Go(func() { n.run(running) })
	select {
	case <-n.ready:
		return n, nil
	case <-ctx.Done():
		n.Stop()
		return nil, fmt.Errorf("subscribe %s: %w", options.Name, errors.Join(ctx.Err(), n.Problem()))
	}
}

// Stop breaks the connection. What is reserved stays so, as does the framework
// until its failover timeout.
func (n *Neighbour) Stop() {
	n.cancel()
	n.running.Wait()
}

// Problem is the latest failure, nil if there was none.
func (n *Neighbour) Problem() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.problem
}

// Hosts counts the offers in hand by agent hostname.
func (n *Neighbour) Hosts() map[string]int {
	n.mu.Lock()
	defer n.mu.Unlock()
	hosts := map[string]int{}
	for _, o := range n.held {
		hosts[o.Hostname]++
	}
	return hosts
}

// Reserved counts the agents of which the neighbour has reserved something.
func (n *Neighbour) Reserved() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.reserved)
}

// run keeps a subscription until ctx ends.
func (n *Neighbour) run(ctx context.Context) {
	for ctx.Err() == nil {
		err := n.session(ctx)
		n.mu.Lock()
		n.problem, n.held = err, map[string]offer{}
		n.mu.Unlock()
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

func (n *Neighbour) session(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var timers sync.WaitGroup
	defer timers.Wait()
	defer cancel()
	stream, err := n.subscribe(ctx)
	if err != nil {
		return err
	}
	defer stream.Close() //nolint:errcheck // it has ended
	return readEvents(stream, func(e event) error { return n.handle(ctx, &timers, e) })
}

func (n *Neighbour) handle(ctx context.Context, timers *sync.WaitGroup, e event) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch e.Type {
	case "SUBSCRIBED":
		n.framework = e.Subscribed.FrameworkID.Value
		n.first.Do(func() { close(n.ready) })
	case "OFFERS":
		for _, o := range e.Offers.Offers {
			if err := n.offered(ctx, timers, o); err != nil {
				return err
			}
		}
	case "RESCIND":
		delete(n.held, e.Rescind.OfferID.Value)
	case "ERROR":
		return fmt.Errorf("the master says: %s", e.Error.Message)
	}
	return nil
}
