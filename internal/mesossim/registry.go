package mesossim

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/maintenance"
	"go.uber.org/zap"
)

// registry is what a master with a replicated log knows again after a restart.
type registry struct {
	Agents   map[string]registeredAgent `json:"-"`
	Quotas   map[string]registeredQuota `json:"quotas,omitempty"`
	Schedule json.RawMessage            `json:"schedule,omitempty"`
	Down     []machineName              `json:"down,omitempty"`
	Draining map[string]*drain          `json:"draining,omitempty"`
	Inactive map[string]bool            `json:"inactive,omitempty"`
}

// registeredAgent is an agent that was admitted once.
type registeredAgent struct {
	Host  string    `json:"host"`
	State string    `json:"state,omitempty"` // "" = admitted, unreachable, gone, removed
	Since time.Time `json:"since"`
}

type registeredQuota struct {
	Guarantees quantities `json:"guarantees,omitempty"`
	Limits     quantities `json:"limits,omitempty"`
}

type machineName struct {
	Hostname string `json:"hostname"`
	IP       string `json:"ip"`
}

const (
	registryKey = "registry"
	agentKey    = "agent/"
	hostKey     = "host/"
)

// loadRegistry reads the registry of a former process.
func (s *Sim) loadRegistry() error {
	s.registry = registry{Agents: map[string]registeredAgent{}}
	if _, err := s.store.get(registryKey, &s.registry); err != nil {
		return err
	}
	for key := range s.store.values {
		id, ok := strings.CutPrefix(key, agentKey)
		if !ok {
			continue
		}
		var ra registeredAgent
		if _, err := s.store.get(key, &ra); err != nil {
			return err
		}
		s.registry.Agents[id] = ra
	}
	return nil
}

// saveAgent records what state an admitted agent is in.
func (m *master) saveAgent(id string, h *host, state string) {
	ra := registeredAgent{Host: h.spec.Hostname, State: state, Since: time.Now()}
	m.sim.registry.Agents[id] = ra
	m.sim.store.put(agentKey+id, ra)
}

// saveRegistry records the rest of the registry.
func (m *master) saveRegistry() {
	r := &m.sim.registry
	r.Quotas = map[string]registeredQuota{}
	for role, q := range m.alloc.quotas {
		r.Quotas[role] = registeredQuota{q.guarantees, q.limits}
	}
	r.Schedule = encodeJSON(&m.schedule)
	r.Down = nil
	for _, mc := range m.machinesInOrder() {
		if mc.mode == machineDown {
			r.Down = append(r.Down, machineName{mc.id.hostname, mc.id.ip})
		}
	}
	r.Draining, r.Inactive = m.draining, m.inactive
	m.sim.store.put(registryKey, r)
}

// recoverRegistry makes a starting master know what its registry holds. A
// registry in memory holds nothing.
func (m *master) recoverRegistry() {
	r := &m.sim.registry
	if !m.flags.persistent {
		*r = registry{Agents: map[string]registeredAgent{}}
		return
	}
	for role, q := range r.Quotas {
		m.alloc.quotas[role] = quota{q.Guarantees, q.Limits}
	}
	maps.Copy(m.draining, r.Draining)
	for id := range r.Inactive {
		m.inactive[id] = true
	}
	m.recoverSchedule(r)
	for id, ra := range r.Agents {
		switch ra.State {
		case "":
			if h := m.sim.hostFor(ra.Host); h != nil {
				m.recovered[id] = h
			}
		case "unreachable":
			m.unreached[id] = ra.Since
		case "gone":
			m.gone[id] = ra.Since
		}
	}
	if expected := len(m.recovered); expected > 0 {
		m.alloc.waitFor = expected * 4 / 5
		m.after(10*time.Minute, func() { m.alloc.waitFor = 0 })
		m.after(m.flags.reregisterTimeout, m.giveUpRecovered)
	}
}

func (m *master) recoverSchedule(r *registry) {
	if len(r.Schedule) == 0 {
		return
	}
	var schedule maintenance.Schedule
	tree, err := parseJSON(r.Schedule)
	if err == nil {
		err = decodeJSON(tree, &schedule)
	}
	if err != nil {
		m.sim.log.Error("read the maintenance schedule", zap.Error(err))
		return
	}
	m.schedule = schedule
	for i := range schedule.Windows {
		for _, id := range schedule.Windows[i].MachineIDs {
			mc := m.machineOf(machineFromProto(id))
			mc.mode, mc.unavailability = machineDraining, &schedule.Windows[i].Unavailability
		}
	}
	for _, name := range r.Down {
		m.machineOf(machineID{name.Hostname, name.IP}).mode = machineDown
	}
}

// giveUpRecovered marks the agents that have not come back as unreachable.
func (m *master) giveUpRecovered() {
	for _, id := range slices.Sorted(maps.Keys(m.recovered)) {
		h := m.recovered[id]
		delete(m.recovered, id)
		m.unreached[id] = time.Now()
		m.saveAgent(id, h, "unreachable")
		for _, fw := range m.frameworksInOrder() {
			m.send(fw, failureEvent(id))
		}
	}
}

// checkpointed is what an agent has on disk.
type checkpointed struct {
	ID         string                  `json:"id"`
	Reserved   json.RawMessage         `json:"reserved,omitempty"`
	Operations []checkpointedOperation `json:"operations,omitempty"`
}

type checkpointedOperation struct {
	UUID      []byte          `json:"uuid"`
	Framework string          `json:"framework,omitempty"`
	Info      json.RawMessage `json:"info"`
	Status    json.RawMessage `json:"status"`
}

// checkpoint writes the agent's state to disk.
func (h *host) checkpoint() {
	if h.sim.store.file == nil {
		return
	}
	reserved := h.total.filter((*resource).isDynamicallyReserved)
	state := checkpointed{ID: h.id}
	if len(reserved) > 0 {
		state.Reserved = encodeJSON(&mesos.Offer_Operation_Unreserve{Resources: reserved.toProto()})
	}
	for _, ho := range h.performed() {
		state.Operations = append(state.Operations, checkpointedOperation{
			UUID: []byte(ho.uuid), Framework: ho.frameworkID,
			Info: encodeJSON(&ho.info), Status: encodeJSON(&ho.status),
		})
	}
	h.sim.store.put(hostKey+h.spec.Hostname, state)
}

// restore reads what a former process of the agent left on disk.
func (h *host) restore() error {
	var state checkpointed
	found, err := h.sim.store.get(hostKey+h.spec.Hostname, &state)
	if err != nil || !found {
		return err
	}
	h.id = state.ID
	var reserved mesos.Offer_Operation_Unreserve
	if err := decodeRaw(state.Reserved, &reserved); err != nil {
		return fmt.Errorf("read reservations: %w", err)
	}
	h.total = append(h.configured[:len(h.configured):len(h.configured)], newResources(resourcesFromProto(reserved.Resources))...)
	for _, co := range state.Operations {
		ho := &hostOperation{uuid: string(co.UUID), seq: h.sim.nextSeq(), frameworkID: co.Framework, wait: firstResend}
		if err := decodeRaw(co.Info, &ho.info); err != nil {
			return fmt.Errorf("read operation: %w", err)
		}
		if err := decodeRaw(co.Status, &ho.status); err != nil {
			return fmt.Errorf("read operation status: %w", err)
		}
		h.operations[ho.uuid] = ho
	}
	return nil
}

func decodeRaw(raw json.RawMessage, message any) error {
	if len(raw) == 0 {
		return nil
	}
	tree, err := parseJSON(raw)
	if err != nil {
		return err
	}
	return decodeJSON(tree, message)
}
