package mesossim

import (
	"math/rand/v2"
	"slices"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

// allocatorBooks is the bookkeeping behind who is offered what. It follows
// src/master/allocator/mesos/hierarchical.cpp. What an agent has free is kept
// with the agent.
type allocatorBooks struct {
	total      quantities         // scalars of all agents
	roles      *sorter            // roles that have frameworks
	frameworks map[string]*sorter // role → its frameworks
	quotas     map[string]quota   // role → quota
	batches    []*batch           // allocation runs that are due
	waitFor    int                // agents to come back before quota is given out
}

func (a *allocatorBooks) init() {
	a.total = quantities{}
	a.roles = newSorter()
	a.frameworks = map[string]*sorter{}
	a.quotas = map[string]quota{}
}

// track makes role one of the framework's.
func (a *allocatorBooks) track(role, frameworkID string) {
	a.roles.add(role)
	if a.frameworks[role] == nil {
		a.frameworks[role] = newSorter()
	}
	a.frameworks[role].add(frameworkID)
}

// untrack is the inverse of track. A framework that still has something
// allocated in the role, such as a task, stays in the books until it is freed.
func (a *allocatorBooks) untrack(role, frameworkID string) {
	clients := a.frameworks[role]
	if clients == nil {
		return
	}
	clients.remove(frameworkID)
	if len(clients.clients) == 0 {
		delete(a.frameworks, role)
		a.roles.remove(role)
	}
}

// rolesOf returns the roles in which the framework is tracked.
func (a *allocatorBooks) rolesOf(frameworkID string) []string {
	var out []string
	for role, clients := range a.frameworks {
		if clients.clients[frameworkID] != nil {
			out = append(out, role)
		}
	}
	return out
}

// changeTotal adds rs, times sign, to what the cluster has.
func (a *allocatorBooks) changeTotal(rs resources, sign int64) {
	a.total.addResources(rs, sign)
	a.roles.dirty = true
	for _, clients := range a.frameworks {
		clients.dirty = true
	}
}

// take books rs, allocated to one role, as offered or allocated to fw.
func (m *master) take(fw *framework, ag *agent, rs resources) {
	if len(rs) == 0 {
		return
	}
	ag.take(fw.id, rs)
	amounts, role := rs.scalarQuantities(), rs[0].allocated
	m.alloc.track(role, fw.id)
	m.alloc.roles.allocated(role, amounts)
	m.alloc.frameworks[role].allocated(fw.id, amounts)
}

// give is the inverse of take. A filter keeps what was refused away from the
// framework for a while.
func (m *master) give(frameworkID string, ag *agent, rs resources, filters *mesos.Filters) {
	if len(rs) == 0 {
		return
	}
	ag.give(frameworkID, rs)
	amounts, role := rs.scalarQuantities(), rs[0].allocated
	if clients := m.alloc.frameworks[role]; clients != nil {
		clients.unallocated(frameworkID, amounts)
		m.alloc.roles.unallocated(role, amounts)
	}
	if fw := m.frameworks[frameworkID]; fw != nil && filters != nil {
		m.addFilter(fw, role, ag.id, rs, filters)
	}
}

// tick is the periodic allocation.
func (m *master) tick() {
	m.after(m.flags.allocationInterval, m.tick)
	m.allocateEverywhere()
}

// batch is the set of agents of one allocation run.
type batch struct {
	all    bool // every agent
	agents []*agent
	known  map[*agent]bool
}

func (b *batch) join(agents []*agent) {
	for _, ag := range agents {
		if !b.known[ag] {
			b.known[ag] = true
			b.agents = append(b.agents, ag)
		}
	}
}

// allocateSoon runs an allocation over agents as soon as the current call is
// done; calls that come before it join it.
func (m *master) allocateSoon(agents ...*agent) {
	if len(m.frameworks) == 0 {
		return
	}
	if len(m.alloc.batches) == 0 {
		m.allocateApart(nil)
	}
	m.alloc.batches[len(m.alloc.batches)-1].join(agents)
}

// allocateEverywhere is allocateSoon over all agents.
func (m *master) allocateEverywhere() {
	m.allocateSoon()
	if n := len(m.alloc.batches); n > 0 {
		m.alloc.batches[n-1].all = true
	}
}

// allocateApart is allocateSoon with a run of its own.
func (m *master) allocateApart(agents []*agent) {
	if len(m.alloc.batches) == 0 {
		m.after(0, m.allocateDue)
	}
	next := &batch{known: map[*agent]bool{}}
	next.join(agents)
	m.alloc.batches = append(m.alloc.batches, next)
}

func (m *master) allocateDue() {
	due := m.alloc.batches
	m.alloc.batches = nil
	if m.alloc.waitFor > len(m.agents) && len(m.alloc.quotas) > 0 {
		return
	}
	for _, b := range due {
		agents := b.agents
		if b.all {
			agents = m.agentOrder
		}
		m.allocate(agents)
		m.offerInverse(agents)
	}
}

// allocate is one allocation run over agents.
func (m *master) allocate(agents []*agent) {
	candidates := make([]*agent, 0, len(agents))
	for _, ag := range agents {
		if ag.active && !ag.removed && len(ag.available()) > 0 {
			candidates = append(candidates, ag)
		}
	}
	if len(candidates) == 0 || len(m.frameworks) == 0 {
		return
	}
	run := newAllocation(m)
	if run.guaranteed {
		m.shuffleAgents(candidates)
		for _, ag := range candidates {
			run.fillGuarantees(ag)
		}
	}
	m.shuffleAgents(candidates)
	for _, ag := range candidates {
		run.fill(ag)
	}
	run.send()
}

// shuffleAgents puts agents into the order in which a run goes through them:
// random, or as Options.ShuffleAgents says.
func (m *master) shuffleAgents(agents []*agent) {
	choose := m.sim.options.ShuffleAgents
	if choose == nil {
		shuffle(agents)
		return
	}
	byName := map[string][]*agent{}
	names := make([]string, len(agents))
	for i, ag := range agents {
		names[i] = ag.host.spec.Hostname
		byName[names[i]] = append(byName[names[i]], ag)
	}
	slices.Sort(names)
	choose(names)
	for i, name := range names {
		agents[i] = byName[name][0]
		byName[name] = byName[name][1:]
	}
}

func shuffle[T any](list []T) {
	rand.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
}
