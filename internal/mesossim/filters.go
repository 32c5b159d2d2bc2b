package mesossim

import (
	"math"
	"slices"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

// defaultRefuse is how long an offer is refused when the call does not say.
const defaultRefuse = 5 * time.Second

// longestRefuse caps refuse_seconds, as the master does.
const longestRefuse = 365 * 24 * time.Hour

// offerFilter keeps offers that are contained in what was refused away from a
// framework.
type offerFilter struct{ refused resources }

// refuseDuration is the time asked for by filters. Negative and invalid values
// mean the default.
func refuseDuration(filters *mesos.Filters) time.Duration {
	if filters == nil || filters.RefuseSeconds == nil {
		return defaultRefuse
	}
	asked := *filters.RefuseSeconds
	switch {
	case asked < 0 || math.IsNaN(asked):
		return defaultRefuse
	case asked > longestRefuse.Seconds():
		return longestRefuse
	}
	return time.Duration(asked * float64(time.Second))
}

// addFilter refuses rs for as long as filters say, but at least one allocation
// interval. Zero means no filter.
func (m *master) addFilter(fw *framework, role, agentID string, rs resources, filters *mesos.Filters) {
	refuse := refuseDuration(filters)
	if refuse == 0 {
		return
	}
	added := &offerFilter{refused: rs.allocate("")}
	if fw.filters[role] == nil {
		fw.filters[role] = map[string][]*offerFilter{}
	}
	fw.filters[role][agentID] = append(fw.filters[role][agentID], added)
	m.after(max(refuse, m.flags.allocationInterval), func() {
		byAgent := fw.filters[role]
		if byAgent == nil {
			return
		}
		left := slices.DeleteFunc(byAgent[agentID], func(f *offerFilter) bool { return f == added })
		if len(left) == 0 {
			delete(byAgent, agentID)
			return
		}
		byAgent[agentID] = left
	})
}

// filtered reports whether the framework refused all of rs.
func (fw *framework) filtered(role, agentID string, rs resources) bool {
	return slices.ContainsFunc(fw.filters[role][agentID], func(f *offerFilter) bool {
		return f.refused.contains(rs)
	})
}
