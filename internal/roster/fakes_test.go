package roster

import (
	"fmt"
	"maps"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/utils/clock"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/filter"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/kube"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/offercache"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

const role = "kubernetes"

// nodeMap maps node names to agent IDs; "?" is ambiguous.
type nodeMap struct {
	avoided map[string]bool   // nodes
	agents  map[string]string // by node
	nodes   map[string]string // by agent
}

func newNodeMap(agents map[string]string) *nodeMap {
	m := &nodeMap{agents: agents, nodes: make(map[string]string, len(agents))}
	for node, agentID := range agents {
		m.nodes[agentID] = node
	}
	return m
}

func (m *nodeMap) Agent(node string) (string, kube.Mapping) {
	switch agentID, ok := m.agents[node]; {
	case !ok:
		return "", kube.NoAgent
	case agentID == "?":
		return "", kube.Ambiguous
	default:
		return agentID, kube.Mapped
	}
}

func (m *nodeMap) Node(agentID string) (string, bool) {
	node, ok := m.nodes[agentID]
	return node, ok && agentID != "?"
}

func (m *nodeMap) Avoided(node string) bool      { return m.avoided[node] }
func (m *nodeMap) Names(yield func(string) bool) { maps.Keys(m.agents)(yield) }
func (m *nodeMap) Size() int                     { return len(m.agents) }

// occupants are the pods on agents, with a log of what changed.
type occupants struct {
	on sync.Map // offercache.Key → []filter.Occupant

	mu      sync.Mutex // guards all below
	changed []string
	forgot  int // as many of changed are not known any more
}

func (o *occupants) On(agentID, role string) []filter.Occupant {
	if on, ok := o.on.Load(offercache.Key{AgentID: agentID, Role: role}); ok {
		return on.([]filter.Occupant)
	}
	return nil
}

func (o *occupants) Holds(uid string) (holds bool) {
	o.on.Range(func(_, on any) bool {
		for _, occupant := range on.([]filter.Occupant) {
			holds = holds || occupant.UID == uid
		}
		return true
	})
	return holds
}

func (o *occupants) set(agentID string, on ...filter.Occupant) {
	o.on.Store(offercache.Key{AgentID: agentID, Role: role}, on)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.changed = append(o.changed, agentID)
}

func (o *occupants) forget() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.forgot = len(o.changed)
}

func (o *occupants) since(seen uint64, each func(string)) (uint64, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if int(seen) < o.forgot {
		return uint64(len(o.changed)), false
	}
	for _, agentID := range o.changed[seen:] {
		each(agentID)
	}
	return uint64(len(o.changed)), true
}

// world is a roster and its sources.
type world struct {
	roster    *Roster
	nodes     atomic.Pointer[nodeMap]
	cache     *offercache.Cache
	occupants occupants
	unusable  atomic.Pointer[map[string]filter.Reason]
	offers    atomic.Int64 // so far
}

// newWorld has n nodes with an agent each.
func newWorld(n int) *world {
	w := &world{cache: offercache.New(clock.RealClock{})}
	agents := make(map[string]string, n)
	for i := range n {
		agents[nodeOf(i)] = agentOf(i)
	}
	w.nodes.Store(newNodeMap(agents))
	w.cache.Reset(1)
	w.roster = New(Sources{
		Nodes: func() Nodes { return w.nodes.Load() }, Offers: w.cache.Snapshot,
		Occupants: &w.occupants, Changed: w.occupants.since, Unusable: w.unusable.Load,
	})
	return w
}

func nodeOf(i int) string  { return fmt.Sprint("node-", i) }
func agentOf(i int) string { return fmt.Sprint("agent-", i) }

func cpus(n int) resources.Vector { return resources.Scalar(resources.CPUs, resources.Milli(1000*n)) }

// offer adds an offer of some CPUs and returns its ID.
func (w *world) offer(agent, cpu int) string { return w.offerBefore(agent, cpu, nil) }

// offerBefore adds one of an agent that has a maintenance before it.
func (w *world) offerBefore(agent, cpu int, plan *resources.Maintenance) string {
	id := fmt.Sprint("O", w.offers.Add(1))
	w.cache.Add(1, []*resources.Offer{{
		ID: id, AgentID: agentOf(agent), Role: role, Hostname: nodeOf(agent), Address: netip.AddrFrom4([4]byte{10}),
		Region: "eu", Zone: fmt.Sprint("zone-", agent%3), Maintenance: plan,
		Portions: []resources.Portion{{Vector: cpus(cpu)}},
	}})
	return id
}

// remap replaces the node map by one in which some nodes' agents are others.
func (w *world) remap(changes map[string]string) {
	agents := maps.Clone(w.nodes.Load().agents)
	maps.Copy(agents, changes)
	w.nodes.Store(newNodeMap(agents))
}

// avoid replaces the node map by one in which these nodes, no others, are to be
// avoided.
func (w *world) avoid(nodes ...string) {
	m := newNodeMap(w.nodes.Load().agents)
	m.avoided = map[string]bool{}
	for _, node := range nodes {
		m.avoided[node] = true
	}
	w.nodes.Store(m)
}

func (w *world) drain(agents ...string) {
	unusable := map[string]filter.Reason{}
	for _, agentID := range agents {
		unusable[agentID] = filter.AgentDraining
	}
	w.unusable.Store(&unusable)
}

// Avoided implements filter.NodeAgents from the sources.
func (w *world) Avoided(node string) bool { return w.nodes.Load().Avoided(node) }

// Agent implements filter.NodeAgents from the sources.
func (w *world) Agent(node string) (string, filter.Reason) {
	agentID, mapping := w.nodes.Load().Agent(node)
	switch mapping {
	case kube.NoAgent:
		return "", filter.NoAgent
	case kube.Ambiguous:
		return "", filter.AmbiguousAgent
	}
	if unusable := w.unusable.Load(); unusable != nil {
		return agentID, (*unusable)[agentID]
	}
	return agentID, ""
}

// view has the roster; plain has the sources only.
func (w *world) view() filter.View {
	view := w.plain()
	view.Roster = w.roster
	return view
}

func (w *world) plain() filter.View {
	return filter.View{
		Offers: w.cache.Snapshot(), Nodes: w, Occupants: &w.occupants,
		Maintained: func(plan *resources.Maintenance) filter.Reason {
			if time.Now().Before(plan.Start) {
				return ""
			}
			return filter.AgentMaintenance
		},
	}
}
