package mesossim

import (
	"slices"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

// allocation is one run of the allocator.
type allocation struct {
	m          *master
	grants     []grant
	guaranteed bool                  // some role has a guarantee
	consumed   map[string]quantities // role with quota → what counts against it
	required   quantities            // headroom that guarantees still need
	headroom   quantities            // unreserved and free
}

// grant is what one framework is given of one agent in one role.
type grant struct {
	framework *framework
	agent     *agent
	role      string
	resources resources
}

func newAllocation(m *master) *allocation {
	run := &allocation{m: m}
	if len(m.alloc.quotas) > 0 {
		run.prepareQuota()
	}
	return run
}

// eligible returns what of the agent's free resources fw may see in role.
func (run *allocation) eligible(fw *framework, ag *agent, role string) resources {
	available := ag.available().allocatableTo(role)
	if len(available) == 0 || !run.m.allocatable(fw, role, available) || !run.m.mayUse(fw, ag) {
		return nil
	}
	if capable(&fw.info, mesos.FrameworkInfo_Capability_RESERVATION_REFINEMENT) {
		return available
	}
	return available.filter(func(r *resource) bool { return r.reserved == nil || len(r.reserved.list) == 1 })
}

// fill offers what is free on the agent, role after role.
func (run *allocation) fill(ag *agent) {
	for _, role := range run.m.alloc.roles.order(run.m.alloc.total) {
		if len(ag.available()) == 0 {
			return
		}
		for _, id := range run.m.alloc.frameworks[role].order(run.m.alloc.total) {
			fw := run.m.frameworks[id]
			if fw == nil || !fw.active || fw.suppressed[role] || !fw.hasRole(role) {
				continue
			}
			run.offer(fw, ag, role)
		}
	}
}

func (run *allocation) offer(fw *framework, ag *agent, role string) {
	available := run.eligible(fw, ag, role)
	if available == nil {
		return
	}
	offered, extra := make(resources, 0, len(available)), resources(nil)
	for i := range available {
		if quotaCounted(&available[i]) {
			extra = append(extra, available[i])
		} else {
			offered = append(offered, available[i])
		}
	}
	if q, limited := run.m.alloc.quotas[role]; limited && len(q.limits) > 0 {
		extra = shrinkToLimits(extra, q.limits, run.consumed[role])
	}
	if len(run.required) > 0 && len(extra) > 0 {
		extra = shrink(extra, run.headroom.minusQ(run.required))
	}
	for i := range extra {
		offered.add(&extra[i])
	}
	run.grant(fw, ag, role, offered, extra)
}

// grant gives offered to fw unless it is too little or filtered; counted is
// the part that counts against quota. The caller leaves offered to grant.
func (run *allocation) grant(fw *framework, ag *agent, role string, offered, counted resources) bool {
	if !run.m.allocatable(fw, role, offered) || fw.filtered(role, ag.id, offered) {
		return false
	}
	for i := range offered {
		offered[i].allocated = role
	}
	run.m.take(fw, ag, offered)
	run.grants = append(run.grants, grant{fw, ag, role, offered})
	run.countQuota(role, counted)
	return true
}

// send makes offers of the grants, one OFFERS event for each framework.
func (run *allocation) send() {
	byFramework := map[*framework][]grant{}
	var order []*framework
	for _, g := range run.grants {
		if byFramework[g.framework] == nil {
			order = append(order, g.framework)
		}
		byFramework[g.framework] = append(byFramework[g.framework], g)
	}
	for _, fw := range order {
		run.m.sendOffers(fw, byFramework[fw])
	}
}

// allocatable reports whether rs is worth an offer (min_allocatable_resources,
// or the role's offer_filters of the framework).
func (m *master) allocatable(fw *framework, role string, rs resources) bool {
	if len(rs) == 0 {
		return false
	}
	minimum, own := fw.minimum[role]
	if !own {
		minimum = m.flags.minAllocatable
	}
	if len(minimum) == 0 {
		return true
	}
	has := rs.scalarQuantities()
	return slices.ContainsFunc(minimum, has.covers)
}

// mayUse reports whether the framework's capabilities allow it the agent.
func (m *master) mayUse(fw *framework, ag *agent) bool {
	if m.flags.filterGPU && ag.hasGPU && !capable(&fw.info, mesos.FrameworkInfo_Capability_GPU_RESOURCES) {
		return false
	}
	remote := m.flags.domain != nil && ag.host.domain != nil &&
		m.flags.domain.GetFaultDomain().GetRegion().Name != ag.host.domain.GetFaultDomain().GetRegion().Name
	return !remote || capable(&fw.info, mesos.FrameworkInfo_Capability_REGION_AWARE)
}
