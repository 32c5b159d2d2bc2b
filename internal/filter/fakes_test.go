package filter

import (
	"slices"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/offercache"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

const role = "kubernetes"

// vector builds a vector of cores and MiB.
func vector(cpus, mem float64) resources.Vector {
	return resources.Scalar(resources.CPUs, resources.Milli(cpus*1000)).
		Add(resources.Scalar(resources.Mem, resources.Milli(mem*1000)))
}

func ports(begin, end uint64) resources.Vector {
	return resources.Vector{Ports: resources.NewRanges(resources.Range{Begin: begin, End: end})}
}

// offers maps an agent ID to what is free for role.
type offers map[string]resources.Vector

func (o offers) Agent(agentID string) (*offercache.AgentView, bool) {
	free, ok := o[agentID]
	if !ok {
		return nil, false
	}
	return &offercache.AgentView{AgentID: agentID, Roles: []offercache.RoleView{{Role: role, Free: free, Certain: free}}}, true
}

// serviced offers the same, on machines with planned maintenance.
type serviced struct{ offers }

func (s serviced) Agent(agentID string) (*offercache.AgentView, bool) {
	view, ok := s.offers.Agent(agentID)
	if ok {
		view.Maintenance = &resources.Maintenance{}
	}
	return view, ok
}

// mapping names the agent of node "nX" "aX", with exceptions by node.
type mapping map[string]Reason

func (m mapping) Agent(node string) (string, Reason) {
	if why := m[node]; why != "" {
		return "", why
	}
	return "a" + node[1:], ""
}

func (mapping) Avoided(string) bool { return false }

// shunning is a mapping in which some nodes are to be avoided.
type shunning struct {
	mapping
	avoided []string
}

func (s shunning) Avoided(node string) bool { return slices.Contains(s.avoided, node) }

// occupants maps an agent ID to who is on it for role.
type occupants map[string][]Occupant

func (o occupants) On(agentID, r string) []Occupant {
	if r != role {
		return nil
	}
	return o[agentID]
}

func (o occupants) Holds(podUID string) bool {
	for _, on := range o {
		if slices.ContainsFunc(on, func(o Occupant) bool { return o.UID == podUID }) {
			return true
		}
	}
	return false
}
