package mesossim

import (
	"maps"
	"slices"
	"strings"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	masterproto "github.com/mesos/mesos-go/api/v1/lib/master"
)

// getRoles lists the roles that have frameworks, reservations or quota, and
// their ancestors, with what is offered or allocated to them and below.
func (m *master) getRoles() *masterproto.Response_GetRoles {
	known := m.knownRoles()
	out := &masterproto.Response_GetRoles{}
	for _, name := range slices.Sorted(maps.Keys(known)) {
		role := mesos.Role{Name: name, Weight: 1}
		for _, fw := range m.frameworksInOrder() {
			if fw.hasRole(name) {
				role.Frameworks = append(role.Frameworks, mesos.FrameworkID{Value: fw.id})
			}
		}
		held := known[name].positive()
		for _, r := range slices.Sorted(maps.Keys(held)) {
			amount := resource{name: r, kind: mesos.SCALAR, scalar: fromFixed(held[r])}
			role.Resources = append(role.Resources, amount.toProto())
		}
		out.Roles = append(out.Roles, role)
	}
	return out
}

// knownRoles returns each known role with what is offered or allocated to it
// and below.
func (m *master) knownRoles() map[string]quantities {
	known := map[string]quantities{}
	add := func(role string, held resources) {
		for {
			if known[role] == nil {
				known[role] = quantities{}
			}
			known[role].addResources(held, 1)
			cut := strings.LastIndex(role, "/")
			if cut < 0 {
				return
			}
			role = role[:cut]
		}
	}
	for _, fw := range m.frameworks {
		for _, role := range fw.roles() {
			add(role, nil)
		}
	}
	for role := range m.alloc.quotas {
		add(role, nil)
	}
	for _, ag := range m.agentOrder {
		for i := range ag.total {
			if ag.total[i].reserved != nil {
				add(ag.total[i].reservationRole(), nil)
			}
		}
		for _, held := range ag.held {
			for role, rs := range held.byAllocation() {
				add(role, rs)
			}
		}
	}
	return known
}
