package offercache

import (
	"iter"
	"net/netip"
	"slices"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

// Snapshot is the state at one moment. It and everything reachable from it is
// immutable and shared by all readers: nobody may write to it.
type Snapshot struct {
	generation uint64
	table      table
}

// AgentView is one agent that has offers in hand or expected, or releases. Only
// its ID, maintenance and roles are known while it has releases alone.
type AgentView struct {
	AgentID     string
	Hostname    string
	Address     netip.Addr // invalid if the offers had none
	Region      string
	Zone        string
	Attributes  []resources.Label
	Maintenance *resources.Maintenance // nil if none is planned
	Roles       []RoleView             // few, in no order
}

// RoleView is what an agent has for one role.
type RoleView struct {
	Role string
	// Free is what a new hold can claim: the usable amounts of the offers in
	// hand, of expected remainders and of releases, less the waiting holds.
	Free resources.Vector
	// Certain is Free without the expected remainders and the releases.
	Certain resources.Vector
	// Offered is everything in the offers in hand, reserved amounts included.
	Offered resources.Vector
	// Waiting reports whether holds wait to leave with these offers.
	Waiting bool
}

// Snapshot returns the latest state. It takes no lock.
func (c *Cache) Snapshot() *Snapshot { return c.snapshot.Load() }

// Generation returns the subscription that the offers belong to, 0 for none.
func (s *Snapshot) Generation() uint64 { return s.generation }

// Agent returns the view of one agent, false if it has no offers.
func (s *Snapshot) Agent(agentID string) (*AgentView, bool) { return s.table.get(agentID) }

// Len returns the number of agents.
func (s *Snapshot) Len() int { return s.table.count }

// Agents yields every agent's ID and view, in no order.
func (s *Snapshot) Agents() iter.Seq2[string, *AgentView] { return s.table.all }

// Free returns what a new hold for role can claim, empty if nothing is offered
// to that role.
func (a *AgentView) Free(role string) resources.Vector { return a.role(role).Free }

// Certain returns what of Free is in hand.
func (a *AgentView) Certain(role string) resources.Vector { return a.role(role).Certain }

func (a *AgentView) role(role string) RoleView {
	for i := range a.Roles {
		if a.Roles[i].Role == role {
			return a.Roles[i]
		}
	}
	return RoleView{}
}

func newSnapshot(generation uint64) *Snapshot {
	return &Snapshot{generation: generation, table: newTable()}
}

// touch notes that a slot changed. The caller calls refresh before it unlocks.
func (c *Cache) touch(s *slot) {
	if !s.dirty {
		s.dirty = true
		c.dirty = append(c.dirty, s)
	}
}

// refresh computes the amounts of the touched slots anew, publishes a snapshot
// in which their agents are replaced, and forgets slots that have become
// empty. It returns the keys of the slots, in the order they were touched.
func (c *Cache) refresh() []Key {
	if len(c.dirty) == 0 {
		return nil
	}
	old := c.snapshot.Load()
	edit := old.table.edit()
	keys := make([]Key, 0, len(c.dirty))
	for _, s := range c.dirty {
		s.dirty = false
		s.updateView()
		if len(s.remainders) > 0 {
			c.expecting[s] = struct{}{}
		} else {
			delete(c.expecting, s)
		}
		keys = append(keys, s.key)
	}
	clear(c.dirty)
	c.dirty = c.dirty[:0]
	for _, key := range keys {
		if view := c.view(key.AgentID); view != nil {
			edit.put(view)
		} else {
			edit.remove(key.AgentID)
		}
	}
	c.snapshot.Store(&Snapshot{generation: c.generation, table: edit.table})
	return keys
}

// view returns the agent as readers see it, nil if it has nothing to show. It
// drops slots without content.
func (c *Cache) view(agentID string) *AgentView {
	a := c.agents[agentID]
	if a == nil {
		return nil
	}
	a.slots = slices.DeleteFunc(a.slots, func(s *slot) bool { return !s.visible() && len(s.waiting)+len(s.releasing) == 0 })
	if len(a.slots) == 0 {
		delete(c.agents, agentID)
		return nil
	}
	// Nearly all agents have one role: both are one allocation.
	both := &struct {
		AgentView
		roles [1]RoleView
	}{}
	roles := both.roles[:0]
	for _, s := range a.slots {
		if s.visible() {
			roles = append(roles, s.view)
		}
	}
	if len(roles) == 0 {
		return nil
	}
	both.AgentView = AgentView{AgentID: agentID, Maintenance: c.plans[agentID], Roles: roles}
	if o := a.latest; o != nil {
		both.AgentView = AgentView{
			AgentID: agentID, Hostname: o.Hostname, Address: o.Address, Region: o.Region, Zone: o.Zone,
			Attributes: o.Attributes, Maintenance: o.Maintenance, Roles: roles,
		}
	}
	return &both.AgentView
}

// visible reports whether readers see the slot: one with holds only has
// nothing for them.
func (s *slot) visible() bool {
	return len(s.offers) > 0 || len(s.remainders) > 0 || !s.freeing.IsZero()
}

// updateView computes the slot's amounts anew.
func (s *slot) updateView() {
	inHand := s.inHand()
	var offered resources.Vector
	for _, h := range s.offers {
		for _, p := range h.offer.Portions {
			offered = plus(offered, p.Vector)
		}
	}
	s.view.Offered = offered
	s.view.Waiting = len(s.waiting) > 0
	s.view.Certain = minus(inHand, s.claimed)
	s.view.Free = s.view.Certain
	if len(s.remainders) > 0 || len(s.releasing) > 0 {
		s.view.Free = minus(s.total(), s.claimed)
	}
}
