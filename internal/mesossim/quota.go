package mesossim

import (
	"strings"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

// quota bounds what a top-level role gets. A name that limits lacks is
// unlimited.
type quota struct{ guarantees, limits quantities }

// quotaCounted reports whether a free resource counts against quota.
func quotaCounted(r *resource) bool { return r.kind == mesos.SCALAR && r.reserved == nil }

// topRole is the part of a role that quota is set on.
func topRole(role string) string {
	top, _, _ := strings.Cut(role, "/")
	return top
}

// quotaConsumption is what counts against the quota of a top-level role: all
// that is reserved to it or below, and what is offered or allocated to it of
// the unreserved.
func (m *master) quotaConsumption(role string) quantities {
	used := quantities{}
	for _, ag := range m.agentOrder {
		for i := range ag.total {
			if r := &ag.total[i]; r.reserved != nil && topRole(r.reservationRole()) == role {
				used.addResources(ag.total[i:i+1], 1)
			}
		}
		for _, held := range ag.held {
			for i := range held {
				if held[i].reserved == nil && topRole(held[i].allocated) == role {
					used.addResources(held[i:i+1], 1)
				}
			}
		}
	}
	return used
}

// prepareQuota computes what the run needs to honour quotas.
func (run *allocation) prepareQuota() {
	run.consumed = map[string]quantities{}
	run.required = quantities{}
	for role, q := range run.m.alloc.quotas {
		used := run.m.quotaConsumption(role)
		run.consumed[role] = used
		if len(q.guarantees) > 0 {
			run.guaranteed = true
			run.required.addQ(q.guarantees.minusQ(used), 1)
		}
	}
	run.headroom = quantities{}
	for _, ag := range run.m.agentOrder {
		if !ag.removed {
			run.headroom.addResources(ag.available().filter(quotaCounted), 1)
		}
	}
}

// countQuota books what was given against role and the headroom.
func (run *allocation) countQuota(role string, counted resources) {
	if run.consumed == nil {
		return
	}
	amounts := counted.scalarQuantities()
	if used := run.consumed[role]; used != nil {
		used.addQ(amounts, 1)
	}
	run.headroom.addQ(amounts, -1)
}

// fillGuarantees gives roles on the agent what they are guaranteed and do not
// have yet.
func (run *allocation) fillGuarantees(ag *agent) {
	for _, role := range run.m.alloc.roles.order(run.m.alloc.total) {
		q := run.m.alloc.quotas[role]
		if len(q.guarantees) == 0 {
			continue
		}
		for _, id := range run.m.alloc.frameworks[role].order(run.m.alloc.total) {
			missing := q.guarantees.minusQ(run.consumed[role])
			fw := run.m.frameworks[id]
			if len(missing) == 0 || fw == nil || !fw.active || fw.suppressed[role] {
				continue
			}
			run.offerGuarantee(fw, ag, role, missing)
		}
	}
}

func (run *allocation) offerGuarantee(fw *framework, ag *agent, role string, missing quantities) {
	available := run.eligible(fw, ag, role)
	free := available.filter(quotaCounted)
	guarantee := shrink(free, missing)
	if len(guarantee) == 0 {
		return
	}
	extra := free.minus(guarantee)
	promised := guarantee.scalarQuantities()
	if limits := run.m.alloc.quotas[role].limits; len(limits) > 0 {
		used := quantities{}
		used.addQ(run.consumed[role], 1)
		used.addQ(promised, 1)
		extra = shrinkToLimits(extra, limits, used)
	}
	extra = shrink(extra, run.headroom.minusQ(run.required))
	offered := guarantee.plus(available.filter(func(r *resource) bool {
		return !quotaCounted(r) && (r.reserved == nil || r.reservationRole() == role)
	})).plus(extra)
	if run.grant(fw, ag, role, offered, guarantee.plus(extra)) {
		run.required = run.required.minusQ(promised)
	}
}

// shrink cuts rs down to target; what target lacks is dropped. The order is
// random, as the real one's.
func shrink(rs resources, target quantities) resources {
	return shrinkBy(rs, target, func(string) bool { return false })
}

// shrinkToLimits cuts rs down to what limits leave beside used; names without
// a limit are kept whole.
func shrinkToLimits(rs resources, limits, used quantities) resources {
	left := limits.minusQ(used)
	return shrinkBy(rs, left, func(name string) bool {
		_, limited := limits[name]
		return !limited
	})
}

func shrinkBy(rs resources, left quantities, unlimited func(name string) bool) resources {
	shuffled := append(resources{}, rs...)
	shuffle(shuffled)
	var out resources
	for _, r := range shuffled {
		if !unlimited(r.name) {
			if left[r.name] < toFixed(r.scalar) {
				r.scalar = fromFixed(left[r.name])
			}
			left[r.name] -= toFixed(r.scalar)
		}
		out.add(&r)
	}
	return out
}
