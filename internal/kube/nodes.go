package kube

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/utils/clock"
)

const (
	// settle is how long a change waits for others before the map is rebuilt. The
	// offers of a whole cluster tell of new agents in bursts, some 50 ms apart.
	settle = 150 * time.Millisecond
	// longest is how often it waits again while changes go on: half-way through
	// the offers of a whole cluster a map would only cost time.
	longest = 7
	// restFactor times its own duration is what a rebuild waits at least, so
	// that a storm of changes in a very large cluster costs a tenth of a core.
	restFactor = 10
	// maxWarnings bounds the lines one rebuild may log about single nodes.
	maxWarnings = 20
)

// Nodes watches nodes, is told of agents, and keeps the map between the two.
type Nodes struct {
	informer   cache.SharedIndexInformer
	registered cache.ResourceEventHandlerRegistration
	log        *zap.Logger
	clock      clock.Clock
	current    atomic.Pointer[NodeMap]
	dirty      chan struct{} // holds one token while the map is out of date
	labelled   labelled

	// mu guards what the map is made of.
	mu      sync.Mutex
	nodes   map[string]keys        // node name → its keys
	avoided map[string]struct{}    // names of the nodes that are to be avoided; few
	agents  map[string]*knownAgent // agent ID → identity
	// changes counts the changes of all three; mapped is how many of them the map has.
	changes, mapped uint64
	// rebuilding is held while a map is made, so that maps appear in order.
	rebuilding sync.Mutex
	warned     map[string]bool // nodes reported as ambiguous; guarded by rebuilding
}

// NewNodes makes the informer; nothing is read before Run.
func NewNodes(client kubernetes.Interface, log *zap.Logger, clk clock.Clock) (*Nodes, error) {
	n := &Nodes{
		informer: informers.NewSharedInformerFactory(client, 0).Core().V1().Nodes().Informer(),
		log:      log,
		clock:    clk,
		dirty:    make(chan struct{}, 1),
		nodes:    map[string]keys{},
		avoided:  map[string]struct{}{},
		agents:   map[string]*knownAgent{},
		warned:   map[string]bool{},
		labelled: labelled{nodes: map[string]struct{}{}},
	}
	n.current.Store(&NodeMap{})
	if err := n.informer.SetTransform(trimNode); err != nil {
		return nil, fmt.Errorf("node informer: %w", err)
	}
	registered, err := n.informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    n.nodeChanged,
		UpdateFunc: func(_, after any) { n.nodeChanged(after) },
		DeleteFunc: n.nodeDeleted,
	})
	if err != nil {
		return nil, fmt.Errorf("node informer: %w", err)
	}
	n.registered = registered
	return n, nil
}

// Run watches nodes and rebuilds the map until ctx ends.
func (n *Nodes) Run(ctx context.Context) error {
	var watching sync.WaitGroup
	watching.Go(func() { n.informer.RunWithContext(ctx) })
	defer watching.Wait()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-n.dirty:
		}
		if !n.quiet(ctx) {
			return nil
		}
		started := n.clock.Now()
		n.rebuild()
		if !n.pause(ctx, restFactor*n.clock.Since(started)) {
			return nil
		}
	}
}

// quiet waits until nothing has changed for a moment, or for too long. The first
// list of nodes takes as long as it takes. It reports false if ctx ended
// meanwhile.
func (n *Nodes) quiet(ctx context.Context) bool {
	for waited := 0; waited < longest || !n.HasSynced(); waited++ {
		before := n.changesSoFar()
		if !n.pause(ctx, settle) {
			return false
		}
		if n.changesSoFar() == before {
			break
		}
	}
	return true
}

func (n *Nodes) changesSoFar() uint64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.changes
}

// HasSynced reports whether the first list of nodes has been taken in.
func (n *Nodes) HasSynced() bool { return n.registered.HasSynced() }

// Synced waits for HasSynced and brings the map up to date, or returns ctx's
// error.
func (n *Nodes) Synced(ctx context.Context) error {
	if !cache.WaitForCacheSync(ctx.Done(), n.HasSynced) {
		return fmt.Errorf("node informer has not synced: %w", context.Cause(ctx))
	}
	n.Flush()
	return nil
}

// Map returns the latest map. It never blocks.
func (n *Nodes) Map() *NodeMap { return n.current.Load() }

// SetAgent adds an agent or replaces what is known of it.
func (n *Nodes) SetAgent(agent AgentIdentity) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.agents) == 0 {
		n.agents = make(map[string]*knownAgent, len(n.nodes)) // about as many come, and all at once
	}
	if known, ok := n.agents[agent.ID]; !ok || known.AgentIdentity != agent {
		n.agents[agent.ID] = &knownAgent{AgentIdentity: agent}
		n.markDirty()
	}
}

// ReplaceAgents sets all agents at once, and the map is up to date when it
// returns. Until the full list is known a key may look unshared that is not,
// so the map is not to be trusted before the first call.
func (n *Nodes) ReplaceAgents(agents []AgentIdentity) {
	if n.replace(agents) {
		n.rebuild()
	}
}

// replace reports whether the map is out of date. The list comes every minute and
// hardly ever differs: what is known stays then, in its memory.
func (n *Nodes) replace(agents []AgentIdentity) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	changed := len(agents) != len(n.agents)
	for i := 0; i < len(agents) && !changed; i++ {
		known, ok := n.agents[agents[i].ID]
		changed = !ok || known.AgentIdentity != agents[i]
	}
	if !changed {
		return n.mapped != n.changes
	}
	fresh := make(map[string]*knownAgent, len(agents))
	for _, agent := range agents {
		known, ok := n.agents[agent.ID]
		if !ok || known.AgentIdentity != agent {
			known = &knownAgent{AgentIdentity: agent}
		}
		fresh[agent.ID] = known
	}
	n.agents = fresh
	n.changes++
	return true
}

// Flush brings the map up to date now instead of within moments.
func (n *Nodes) Flush() { n.rebuild() }

func (n *Nodes) nodeChanged(object any) {
	node, ok := object.(*trimmedNode)
	if !ok {
		return
	}
	fresh := node.keys
	n.labelled.note(node.Name, node.withoutOffers)
	n.mu.Lock()
	defer n.mu.Unlock()
	if known, ok := n.nodes[node.Name]; !ok || !known.equal(fresh) {
		n.nodes[node.Name] = fresh
		n.markDirty()
	}
	if _, known := n.avoided[node.Name]; known != node.avoided {
		n.avoid(node.Name, node.avoided)
		n.markDirty()
	}
}

// avoid notes whether a node is to be avoided. The caller holds mu.
func (n *Nodes) avoid(name string, avoided bool) {
	if avoided {
		n.avoided[name] = struct{}{}
	} else {
		delete(n.avoided, name)
	}
}

func (n *Nodes) nodeDeleted(object any) {
	name, err := cache.DeletionHandlingMetaNamespaceKeyFunc(object)
	if err != nil {
		return
	}
	n.labelled.note(name, false)
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, ok := n.nodes[name]; ok {
		delete(n.nodes, name)
		n.avoid(name, false)
		n.markDirty()
	}
}

// markDirty asks Run for a rebuild. The caller holds mu.
func (n *Nodes) markDirty() {
	n.changes++
	select {
	case n.dirty <- struct{}{}:
	default:
	}
}

// pause waits, and reports false if ctx ended meanwhile.
func (n *Nodes) pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := n.clock.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C():
		return true
	}
}
