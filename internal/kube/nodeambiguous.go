package kube

import "slices"

// maxCandidates bounds how many agents an AmbiguousNode lists.
const maxCandidates = 8

// holders is key → the first few agents that have it, of each rank.
type holders [ranks]map[string][]int32

// explain lists the candidates of the nodes that matched but were not decided,
// and drops those that their own annotation leaves without any: such a node
// names an agent that is not there.
func (m *matcher) explain(out *NodeMap) {
	if len(out.ambiguous) == 0 {
		return
	}
	held := m.holders(out.ambiguous)
	out.ambiguous = slices.DeleteFunc(out.ambiguous, func(node AmbiguousNode) bool {
		return len(m.candidates(held, m.nodes[node.Node])) == 0
	})
	for i, node := range out.ambiguous {
		out.ambiguous[i].Agents = m.candidates(held, m.nodes[node.Node])
		out.nodes[node.Node] = nodeAnswer{why: Ambiguous}
	}
}

// holders inverts the agents' keys, as far as these nodes have them.
func (m *matcher) holders(nodes []AmbiguousNode) holders {
	var held holders
	for r := range ranks {
		held[r] = map[string][]int32{}
		for _, node := range nodes {
			for _, key := range m.nodes[node.Node][r] {
				held[r][key] = nil
			}
		}
		for i := range m.agents {
			for _, key := range m.agents[i].keys[r] {
				if list, wanted := held[r][key]; wanted && len(list) < maxCandidates {
					held[r][key] = append(list, int32(i))
				}
			}
		}
	}
	return held
}

// candidates returns the IDs of the agents that the node's keys of its best
// matching rank lead to, in order, at most maxCandidates.
func (m *matcher) candidates(held holders, k keys) []string {
	for r := range ranks {
		var ids []string
		for _, key := range k[r] {
			for _, agent := range held[r][key] {
				if permitted(k, m.agents[agent].keys) {
					ids = append(ids, m.agents[agent].ID)
				}
			}
		}
		slices.Sort(ids)
		if ids = slices.Compact(ids); len(ids) > 0 {
			return ids[:min(len(ids), maxCandidates)]
		}
	}
	return nil
}
