package filter

import (
	"slices"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

// Preempt returns the candidate nodes, each with the UIDs of the pods to be
// evicted there, on which the eviction would let the pod in: what the agent
// offers and what the victims have reserved cover it together. A node without
// victims is left out: kube-scheduler takes one for an error.
func Preempt(view View, request Request, candidates map[string][]string) map[string][]string {
	kept := make(map[string][]string, len(candidates))
	if view.closed() != "" {
		return kept
	}
	n := newNeeds(request.Need)
	for node, victims := range candidates {
		if len(victims) > 0 && admits(view, request, &n, node, victims) {
			kept[node] = victims
		}
	}
	return kept
}

func admits(view View, request Request, n *needs, node string, victims []string) bool {
	at := view.place(node, request.Role)
	if view.unusable(&at) != "" {
		return false
	}
	var free resources.Vector
	if at.role != nil {
		free = at.role.Free
	}
	own := func(o *Occupant) bool { return o.UID == request.PodUID }
	evicted := func(o *Occupant) bool { return slices.Contains(victims, o.UID) }
	return n.covered(free, at.occupants, evicted) || n.covered(resources.Vector{}, at.occupants, own)
}
