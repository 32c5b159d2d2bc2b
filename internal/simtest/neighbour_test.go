package simtest

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"k8s.io/utils/clock"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/mesos"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

const (
	neighbourRole  = "neighbour"
	neighbourLabel = "neighbour.example/thing"
	clusterLabel   = "kube-mesos-extender.io/cluster"
	uidLabel       = "kube-mesos-extender.io/pod-uid"
)

// neighbour is another framework, in a role of its own and in ours. It holds
// offers, makes reservations labelled as those of another cluster's extender
// with the same principal, and gives them up again.
type neighbour struct {
	w      *world
	client *mesos.Client

	mu          sync.Mutex
	generation  uint64
	frameworkID string
	offers      map[string]*resources.Offer
	things      map[string]*thing // label → what it reserved
	byOp        map[string]*thing
	acks        chan mesos.OperationStatus
	calm        bool
	made        int
}

// thing is one reservation of the neighbour.
type thing struct {
	label    string
	hostname string
	agentID  string
	portions []resources.Portion
	sure     bool // it must be on the agent's disk
	over     bool // its UNRESERVE was sent
}

func newNeighbour(w *world) (*neighbour, error) {
	n := &neighbour{
		w: w, offers: map[string]*resources.Offer{}, things: map[string]*thing{}, byOp: map[string]*thing{},
		acks: make(chan mesos.OperationStatus, 1000),
	}
	var err error
	n.client, err = mesos.New(mesos.Config{
		Masters: []string{w.sim.URL()}, Dial: newLink(w.network).dial, CallTimeout: 3 * time.Second,
		BackoffMin: 100 * time.Millisecond, BackoffMax: time.Second,
		Jitter: func(limit time.Duration) time.Duration { return w.dice.between("neighbour", 0, limit) },
		Framework: mesos.FrameworkInfo{
			Name: neighbourRole, User: "root", Principal: principal,
			Roles: []string{neighbourRole, role}, FailoverTimeout: time.Hour,
		},
	}, zap.NewNop(), prometheus.NewRegistry(), clock.RealClock{})
	return n, err
}

func (n *neighbour) run(ctx context.Context) {
	n.w.busy.Go(func() { n.acknowledge(ctx) })
	for ctx.Err() == nil {
		if err := n.client.Run(ctx, n.known(), n); err != nil {
			// A SUBSCRIBE of its own that was held up evicts it, too.
			n.w.story.tell("neighbour: %v", err)
			select {
			case <-ctx.Done():
			case <-time.After(time.Second):
			}
		}
	}
}

func (n *neighbour) known() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.frameworkID
}

func (n *neighbour) acknowledge(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case s := <-n.acks:
			_ = n.client.Acknowledge(ctx, s) // the agent sends its status again
		}
	}
}

func (n *neighbour) Subscribed(s mesos.Subscription) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.generation, n.frameworkID, n.offers = s.Generation, s.FrameworkID, map[string]*resources.Offer{}
}

func (n *neighbour) Disconnected(uint64, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.generation, n.offers = 0, map[string]*resources.Offer{}
}

func (n *neighbour) Offers(_ uint64, offers []*resources.Offer) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, o := range offers {
		n.offers[o.ID] = o
	}
	if n.calm {
		n.w.busy.Go(func() { n.decline(time.Hour) })
	}
}

func (n *neighbour) Rescind(_ uint64, id string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.offers, id)
}

func (n *neighbour) OperationStatus(s mesos.OperationStatus) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if t := n.byOp[s.OperationID]; t != nil && s.Confirms() && !t.over {
		t.sure = true
	}
	if len(s.UUID) > 0 {
		n.acks <- s
	}
}

func (n *neighbour) InverseOffer(uint64, mesos.InverseOffer) {}
func (n *neighbour) RescindInverseOffer(uint64, string)      {}
func (n *neighbour) AgentLost(string)                        {}

// act does something with the offers in hand.
func (n *neighbour) act(ctx context.Context, rng *rand.Rand) {
	n.mu.Lock()
	ids := slices.Sorted(maps.Keys(n.offers))
	if len(ids) == 0 {
		n.mu.Unlock()
		return
	}
	offer, generation := n.offers[pick(rng, ids)], n.generation
	delete(n.offers, offer.ID)
	accept := mesos.Accept{Generation: generation, OfferIDs: []string{offer.ID}, Refuse: time.Second}
	if mine := n.foundIn(offer); mine != nil && rng.IntN(2) == 0 {
		accept.Operations = n.give(mine, offer.Role)
	} else if rng.IntN(2) == 0 {
		accept.Operations = n.take(offer, rng)
	}
	n.mu.Unlock()
	if len(accept.Operations) == 0 {
		n.tried(offer, generation, n.client.Decline(ctx, generation, []string{offer.ID}, between(rng, 0, 3*time.Second)))
		return
	}
	err := n.client.Accept(ctx, accept)
	n.tried(offer, generation, err)
	n.w.story.tell("neighbour: %v of %v on %s in role %s: %v", map[mesos.OperationType]string{mesos.Reserve: "reserve", mesos.Unreserve: "unreserve"}[accept.Operations[0].Type],
		accept.Operations[0].Portions[0].Vector, offer.Hostname, offer.Role, err)
}

// tried keeps an offer whose call failed: it may still be held for us.
func (n *neighbour) tried(offer *resources.Offer, generation uint64, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if err != nil && n.generation == generation {
		n.offers[offer.ID] = offer
	}
}

// foundIn returns a thing that the offer holds whole. The caller holds mu.
func (n *neighbour) foundIn(offer *resources.Offer) *thing {
	for _, p := range offer.Portions {
		top, ok := p.Top()
		if !ok || !top.Dynamic || top.Principal != principal || top.Role != offer.Role {
			continue
		}
		for _, label := range top.Labels {
			if t := n.things[label.Value]; label.Key == neighbourLabel && t != nil && t.sure && !t.over && p.Vector.Covers(t.portions[0].Vector) {
				return t
			}
		}
	}
	return nil
}

// give gives a thing up. The caller holds mu.
func (n *neighbour) give(t *thing, role string) []mesos.Operation {
	t.over, t.sure = true, false
	return []mesos.Operation{{ID: uuid.NewString(), Type: mesos.Unreserve, Role: role, Portions: t.portions}}
}

// take reserves a part of the offer. The caller holds mu.
func (n *neighbour) take(offer *resources.Offer, rng *rand.Rand) []mesos.Operation {
	need := resources.Scalar(resources.CPUs, resources.Milli(500*(1+rng.Int64N(2)))).Add(resources.Scalar(resources.Mem, 128_000))
	var plain []resources.Portion
	for _, p := range offer.Portions {
		if len(p.Layers) == 0 {
			plain = append(plain, p)
		}
	}
	pieces, _, ok := resources.Carve(plain, offer.Role, need)
	if !ok || len(n.things) > 4 {
		return nil
	}
	n.made++
	t := &thing{label: fmt.Sprint("thing-", n.made), hostname: offer.Hostname, agentID: offer.AgentID}
	layer := resources.Layer{Dynamic: true, Role: offer.Role, Principal: principal, Labels: []resources.Label{
		{Key: neighbourLabel, Value: t.label}, {Key: clusterLabel, Value: "another"}, {Key: uidLabel, Value: "uid-" + t.label},
	}}
	for _, p := range pieces {
		t.portions = append(t.portions, p.Push(layer, p.Vector))
	}
	op := mesos.Operation{ID: uuid.NewString(), Type: mesos.Reserve, Role: offer.Role, Portions: t.portions}
	n.things[t.label], n.byOp[op.ID] = t, t
	return []mesos.Operation{op}
}

// decline gives all offers back.
func (n *neighbour) decline(refuse time.Duration) {
	n.mu.Lock()
	ids, generation := slices.Sorted(maps.Keys(n.offers)), n.generation
	n.offers = map[string]*resources.Offer{}
	n.mu.Unlock()
	if len(ids) > 0 {
		_ = n.client.Decline(context.Background(), generation, ids, refuse)
	}
}

// settle makes it want nothing more.
func (n *neighbour) settle() {
	n.mu.Lock()
	n.calm = true
	n.mu.Unlock()
	n.decline(time.Hour)
}

// wiped forgets the things that an agent lost with its disk.
func (n *neighbour) wiped(hostname string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, t := range n.things {
		if t.hostname == hostname {
			t.sure, t.over = false, true
		}
	}
}

// owned lists the things that must be on disk.
func (n *neighbour) owned() []*thing {
	n.mu.Lock()
	defer n.mu.Unlock()
	var out []*thing
	for _, label := range slices.Sorted(maps.Keys(n.things)) {
		if t := n.things[label]; t.sure {
			out = append(out, t)
		}
	}
	return out
}
