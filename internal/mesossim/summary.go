package mesossim

import (
	"encoding/json"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

// slaveSummary is an agent as the old endpoints /slaves and /state list it.
type slaveSummary struct {
	ID                    string                       `json:"id"`
	Hostname              string                       `json:"hostname"`
	Port                  int                          `json:"port"`
	PID                   string                       `json:"pid"`
	Active                bool                         `json:"active"`
	Deactivated           bool                         `json:"deactivated"`
	Version               string                       `json:"version"`
	RegisteredTime        float64                      `json:"registered_time"`
	Attributes            map[string]any               `json:"attributes"`
	Resources             map[string]any               `json:"resources"`
	UsedResources         map[string]any               `json:"used_resources"`
	OfferedResources      map[string]any               `json:"offered_resources"`
	ReservedResources     map[string]map[string]any    `json:"reserved_resources"`
	UnreservedResources   map[string]any               `json:"unreserved_resources"`
	ReservedResourcesFull map[string][]json.RawMessage `json:"reserved_resources_full"`
}

// modelled turns resources into the flat form of the old endpoints.
func (rs resources) modelled() map[string]any {
	out := map[string]any{"cpus": 0.0, "gpus": 0.0, "mem": 0.0, "disk": 0.0}
	for i := range rs {
		r := rs[i]
		switch r.kind {
		case mesos.SCALAR:
			had, _ := out[r.name].(float64)
			out[r.name] = fromFixed(toFixed(had) + toFixed(r.scalar))
		case mesos.RANGES:
			out[r.name] = formatSpans(r.spans())
		}
	}
	return out
}

func (m *master) slaveSummaries() []slaveSummary {
	out := make([]slaveSummary, 0, len(m.agentOrder))
	for _, ag := range m.agentOrder {
		out = append(out, m.slaveSummary(ag))
	}
	return out
}

func (m *master) slaveSummary(ag *agent) slaveSummary {
	out := slaveSummary{
		ID: ag.id, Hostname: ag.host.spec.Hostname, Port: ag.host.port, PID: ag.host.pid(),
		Active: ag.active, Deactivated: m.inactive[ag.id], Version: version,
		RegisteredTime: seconds(ag.registered), Attributes: map[string]any{},
		Resources: unreserved(ag.total).modelled(), UsedResources: unreserved(ag.allocatedTotal()).modelled(),
		OfferedResources:      unreserved(ag.offered.of(ag.offers)).modelled(),
		UnreservedResources:   ag.total.filter(func(r *resource) bool { return r.reserved == nil }).modelled(),
		ReservedResources:     map[string]map[string]any{},
		ReservedResourcesFull: map[string][]json.RawMessage{},
	}
	for _, a := range ag.host.attributes {
		switch a.Type {
		case mesos.SCALAR:
			out.Attributes[a.Name] = a.Scalar.Value
		case mesos.TEXT:
			out.Attributes[a.Name] = a.Text.Value
		}
	}
	byRole := map[string]resources{}
	for _, r := range ag.total.reservedOnly() {
		role := r.reservationRole()
		byRole[role] = append(byRole[role], r)
		wire := r.toProto()
		addOldFormat(&wire)
		out.ReservedResourcesFull[role] = append(out.ReservedResourcesFull[role], encodeJSON(&wire))
	}
	for role, rs := range byRole {
		out.ReservedResources[role] = rs.modelled()
	}
	return out
}

func (m *master) slavesSummary() string { return toJSON(m.slaveSummaries()) }

// stateSummary is the answer of the old endpoint /state, as far as clients use
// it.
func (m *master) stateSummary() string {
	type frameworkSummary struct {
		ID        string   `json:"id"`
		Name      string   `json:"name"`
		Roles     []string `json:"roles"`
		Active    bool     `json:"active"`
		Connected bool     `json:"connected"`
	}
	list := func(in []*framework) []frameworkSummary {
		out := []frameworkSummary{}
		for _, fw := range in {
			out = append(out, frameworkSummary{fw.id, fw.info.Name, fw.roles(), fw.active, fw.connected()})
		}
		return out
	}
	return toJSON(map[string]any{
		"id": m.info.ID, "version": version, "pid": m.info.GetPID(), "hostname": m.info.GetHostname(),
		"leader": m.info.GetPID(), "start_time": seconds(m.started),
		"activated_slaves": len(m.agentOrder), "unreachable_slaves": len(m.unreached),
		"slaves":     m.slaveSummaries(),
		"frameworks": list(m.frameworksInOrder()), "completed_frameworks": list(m.completed),
	})
}

func toJSON(value any) string {
	out, err := json.Marshal(value)
	if err != nil {
		return "{}"
	}
	return string(out)
}
