package mesossim

import (
	"maps"
	"slices"
	"unique"
)

// Books is a consistent view of the cluster for tests and simulations.
type Books struct {
	MasterID   string           `json:"master_id"`
	Running    bool             `json:"running"`
	Failure    string           `json:"failure,omitempty"` // failed CHECK that ended the master
	Agents     []AgentBooks     `json:"agents"`
	Frameworks []FrameworkBooks `json:"frameworks"`
	Counters   Counters         `json:"counters"`
}

// Counters count since the master started.
type Counters struct {
	Accepts      int            `json:"accepts"`
	Acknowledged int            `json:"acknowledged"` // operation statuses
	Calls        map[string]int `json:"calls"`        // by type, scheduler and operator calls
	Operations   map[string]int `json:"operations"`   // by type, as asked for
	Events       map[string]int `json:"events"`       // by type, as sent
}

// AgentBooks is one agent, as the master and as the agent itself see it.
type AgentBooks struct {
	ID          string        `json:"id"` // "" before its first registration
	Hostname    string        `json:"hostname"`
	Running     bool          `json:"running"`
	Hung        bool          `json:"hung,omitempty"`
	Registered  bool          `json:"registered"`
	Connected   bool          `json:"connected"`
	Active      bool          `json:"active"`
	Deactivated bool          `json:"deactivated,omitempty"`
	Drain       string        `json:"drain,omitempty"` // DRAINING or DRAINED
	Total       Amounts       `json:"total"`
	Offered     Amounts       `json:"offered"`
	Allocated   Amounts       `json:"allocated"` // by tasks
	Reservation []Reservation `json:"reservations,omitempty"`
	// OnDisk are the dynamic reservations that the agent has checkpointed; they
	// lag behind the master's while an operation is under way.
	OnDisk  []Reservation `json:"on_disk,omitempty"`
	Pending int           `json:"pending,omitempty"` // operations not acknowledged
}

// Amounts are scalar resources by name, with three decimals.
type Amounts map[string]float64

// Reservation is what of an agent is reserved to one owner.
type Reservation struct {
	Role      string            `json:"role"`
	Static    bool              `json:"static,omitempty"`
	Principal string            `json:"principal,omitempty"`
	Labels    map[string]string `json:"labels,omitempty"`
	Amounts   Amounts           `json:"amounts,omitempty"`
	Ports     string            `json:"ports,omitempty"` // such as [31000-31001]
}

// FrameworkBooks is one framework that the master knows.
type FrameworkBooks struct {
	ID         string   `json:"id"`
	Name       string   `json:"name"`
	Roles      []string `json:"roles"`
	Suppressed []string `json:"suppressed,omitempty"`
	Connected  bool     `json:"connected"`
	Active     bool     `json:"active"`
	Offers     int      `json:"offers"`
	Operations int      `json:"operations"` // not acknowledged
	Tasks      int      `json:"tasks"`
}

// Books returns the state of the cluster at one moment.
func (s *Sim) Books() Books {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.master
	out := Books{
		MasterID: m.info.ID, Running: !m.stopped, Failure: m.failure,
		Counters: Counters{
			Accepts: m.counters.Accepts, Acknowledged: m.counters.Acknowledged,
			Calls: maps.Clone(m.counters.Calls), Operations: maps.Clone(m.counters.Operations),
			Events: maps.Clone(m.counters.Events),
		},
	}
	for _, h := range s.order {
		out.Agents = append(out.Agents, m.agentBooks(h))
	}
	for _, fw := range m.frameworksInOrder() {
		out.Frameworks = append(out.Frameworks, FrameworkBooks{
			ID: fw.id, Name: fw.info.Name, Roles: slices.Clone(fw.roles()),
			Suppressed: slices.Sorted(maps.Keys(fw.suppressed)),
			Connected:  fw.connected(), Active: fw.active,
			Offers: len(fw.offers), Operations: len(fw.operations), Tasks: len(fw.tasks),
		})
	}
	return out
}

func (m *master) agentBooks(h *host) AgentBooks {
	out := AgentBooks{
		ID: h.id, Hostname: h.spec.Hostname, Running: h.state == hostRunning, Hung: h.state == hostHung,
		Total: amounts(h.total), OnDisk: reservationsOf(h.total.filter((*resource).isDynamicallyReserved)),
	}
	ag := m.byHost[h]
	if ag == nil {
		return out
	}
	out.Registered, out.Connected, out.Active = true, ag.connected, ag.active
	out.Deactivated = m.inactive[ag.id]
	if d := m.draining[ag.id]; d != nil {
		out.Drain = d.toProto().State.String()
	}
	out.Total = amounts(ag.total)
	out.Allocated = amounts(ag.allocatedTotal())
	offered := quantities{}
	for _, o := range ag.offers {
		offered.addResources(o.resources, 1)
	}
	out.Offered = offered.amounts()
	out.Reservation = reservationsOf(ag.total.reservedOnly())
	out.Pending = len(ag.operations)
	return out
}

func amounts(rs resources) Amounts { return rs.scalarQuantities().amounts() }

func (q quantities) amounts() Amounts {
	out := Amounts{}
	for name, amount := range q {
		out[name] = fromFixed(amount)
	}
	return out
}

// reservationsOf groups reserved resources by owner, in their order.
func reservationsOf(rs resources) []Reservation {
	var out []Reservation
	index := map[unique.Handle[string]]int{}
	for i := range rs {
		r := &rs[i]
		at, known := index[r.reserved.key]
		if !known {
			at = len(out)
			index[r.reserved.key] = at
			top := r.reserved.top()
			entry := Reservation{
				Role: top.GetRole(), Static: !r.isDynamicallyReserved(),
				Principal: top.GetPrincipal(), Amounts: Amounts{},
			}
			if top.Labels != nil {
				entry.Labels = map[string]string{}
				for _, label := range top.Labels.Labels {
					entry.Labels[label.Key] = label.GetValue()
				}
			}
			out = append(out, entry)
		}
		if spans := r.spans(); len(spans) > 0 {
			out[at].Ports = formatSpans(spans)
			continue
		}
		out[at].Amounts[r.name] = fromFixed(toFixed(r.scalar))
	}
	return out
}
