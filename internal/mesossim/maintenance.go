package mesossim

import (
	"maps"
	"slices"
	"strings"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/maintenance"
)

// machineID names a machine in the maintenance schedule.
type machineID struct{ hostname, ip string }

type machineMode int

const (
	machineUp machineMode = iota
	machineDraining
	machineDown
)

// machine is what the master knows of a machine.
type machine struct {
	id             machineID
	mode           machineMode
	unavailability *mesos.Unavailability
	agents         []*agent
}

func machineFromProto(id mesos.MachineID) machineID {
	return machineID{strings.ToLower(id.GetHostname()), id.GetIP()}
}

func (id machineID) toProto() mesos.MachineID {
	hostname, ip := id.hostname, id.ip
	out := mesos.MachineID{}
	if hostname != "" {
		out.Hostname = &hostname
	}
	if ip != "" {
		out.IP = &ip
	}
	return out
}

func (m *master) machineOf(id machineID) *machine {
	id.hostname = strings.ToLower(id.hostname)
	if m.machines[id] == nil {
		m.machines[id] = &machine{id: id}
	}
	return m.machines[id]
}

// machinesInOrder returns the known machines by name.
func (m *master) machinesInOrder() []*machine {
	return slices.SortedFunc(maps.Values(m.machines), func(a, b *machine) int {
		return strings.Compare(a.id.hostname+a.id.ip, b.id.hostname+b.id.ip)
	})
}

// updateSchedule handles UPDATE_MAINTENANCE_SCHEDULE. The offers of all agents
// are rescinded, also those of machines that are not mentioned.
func (m *master) updateSchedule(schedule maintenance.Schedule) error {
	if err := m.validateSchedule(schedule); err != nil {
		return err
	}
	scheduled := map[machineID]*mesos.Unavailability{}
	var order []machineID
	for i := range schedule.Windows {
		for _, id := range schedule.Windows[i].MachineIDs {
			key := machineFromProto(id)
			scheduled[key] = &schedule.Windows[i].Unavailability
			order = append(order, key)
		}
	}
	var touched [][]*agent
	for _, mc := range m.machinesInOrder() {
		if scheduled[mc.id] != nil {
			continue
		}
		mc.mode = machineUp
		touched = append(touched, m.setUnavailability(mc, nil))
	}
	var together []*agent
	for _, id := range order {
		mc := m.machineOf(id)
		if mc.mode != machineDown {
			mc.mode = machineDraining
		}
		together = append(together, m.setUnavailability(mc, scheduled[id])...)
	}
	m.schedule = schedule
	for _, agents := range append(touched, together) {
		if len(agents) > 0 {
			m.allocateApart(agents)
		}
	}
	m.saveRegistry()
	return nil
}

func (m *master) setUnavailability(mc *machine, unavailability *mesos.Unavailability) []*agent {
	mc.unavailability = unavailability
	for _, ag := range mc.agents {
		m.rescindOffersOf(ag)
		ag.unavailability = unavailability
		clear(ag.responses)
		clear(ag.outstanding)
	}
	return mc.agents
}

// validateSchedule follows src/master/maintenance.cpp.
func (m *master) validateSchedule(schedule maintenance.Schedule) error {
	seen := map[machineID]bool{}
	for _, window := range schedule.Windows {
		if len(window.MachineIDs) == 0 {
			return textf("List of machines in the maintenance window is empty")
		}
		if d := window.Unavailability.Duration; d != nil && d.Nanoseconds < 0 {
			return textf("Unavailability 'duration' is negative")
		}
		for _, id := range window.MachineIDs {
			if id.GetHostname() == "" && id.GetIP() == "" {
				return textf("Both 'hostname' and 'ip' for a machine are empty")
			}
			key := machineFromProto(id)
			if seen[key] {
				return textf("Machine '%s' appears more than once in the schedule", encodeJSON(&id))
			}
			seen[key] = true
		}
	}
	for _, mc := range m.machinesInOrder() {
		if mc.mode == machineDown && !seen[mc.id] {
			id := mc.id.toProto()
			return textf("Machine '%s' is deactivated and cannot be removed from the schedule", encodeJSON(&id))
		}
	}
	return nil
}

// startMaintenance handles START_MAINTENANCE: the agents of the machines are
// told to exit.
func (m *master) startMaintenance(ids []mesos.MachineID) error {
	if err := m.wantMode(ids, machineDraining, "DRAINING mode and cannot be brought down"); err != nil {
		return err
	}
	for _, id := range ids {
		mc := m.machineOf(machineFromProto(id))
		for _, ag := range slices.Clone(mc.agents) {
			m.deliver(ag, ag.host.shutdown)
			m.removeAgent(ag, removal{message: "Operator initiated 'Machine DOWN'", lost: true})
		}
		mc.mode = machineDown
	}
	m.saveRegistry()
	return nil
}

// stopMaintenance handles STOP_MAINTENANCE: the machines are as good as new.
func (m *master) stopMaintenance(ids []mesos.MachineID) error {
	if err := m.wantMode(ids, machineDown, "DOWN mode and cannot be brought up"); err != nil {
		return err
	}
	for _, id := range ids {
		key := machineFromProto(id)
		mc := m.machineOf(key)
		mc.mode, mc.unavailability = machineUp, nil
		m.unschedule(key)
	}
	m.saveRegistry()
	return nil
}

func (m *master) wantMode(ids []mesos.MachineID, mode machineMode, text string) error {
	if len(ids) == 0 {
		return textf("List of machines is empty")
	}
	for _, id := range ids {
		mc := m.machines[machineFromProto(id)]
		if mc == nil {
			return textf("Machine '%s' is not part of a maintenance schedule", encodeJSON(&id))
		}
		if mc.mode != mode {
			return textf("Machine '%s' is not in %s", encodeJSON(&id), text)
		}
	}
	return nil
}

// unschedule takes a machine out of the schedule.
func (m *master) unschedule(id machineID) {
	var windows []maintenance.Window
	for _, window := range m.schedule.Windows {
		window.MachineIDs = slices.DeleteFunc(slices.Clone(window.MachineIDs), func(other mesos.MachineID) bool {
			return machineFromProto(other) == id
		})
		if len(window.MachineIDs) > 0 {
			windows = append(windows, window)
		}
	}
	m.schedule.Windows = windows
}
