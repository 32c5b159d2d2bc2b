package kube

import (
	"slices"
	"strings"
)

// maxCandidates bounds how many agents an AmbiguousNode lists.
const maxCandidates = 8

// matcher decides which node is which agent, by these rules:
//
//   - the keys of a node are tried in order: its annotation, its internal
//     addresses, its name and hostname label;
//   - a key decides if exactly one agent and exactly one node have it;
//   - keys of one rank that point to different agents decide nothing;
//   - a node with an annotation may only become an agent that it names;
//   - an agent that several nodes would become belongs to the one with the
//     higher ranking key; if that is a draw, to none of them.
//
// What nothing decides is ambiguous if any of its keys matched an agent.
type matcher struct {
	nodes  map[string]nodeKeys
	agents []AgentIdentity
	// carriers holds key → who has it, for each rank.
	carriers [ranks]map[string]*carrier
}

// carrier counts who has one key.
type carrier struct {
	agents []int32 // positions in matcher.agents
	nodes  int
}

// claim is a node's wish to be an agent.
type claim struct {
	node string
	rank rank
	draw bool // another node claims the agent by a key of the same rank
}

// match builds the map. It takes time in proportion to nodes and agents.
func match(nodes map[string]nodeKeys, agents []AgentIdentity) *NodeMap {
	m := matcher{nodes: nodes, agents: agents}
	m.count()
	claims := make(map[int32]claim, len(nodes))
	for node, keys := range nodes {
		if agent, rank, ok := m.decide(keys); ok {
			claims[agent] = stronger(claims[agent], claim{node: node, rank: rank})
		}
	}
	return m.publish(claims)
}

// count fills carriers. Only keys that agents have are of interest.
func (m *matcher) count() {
	for r := range ranks {
		m.carriers[r] = make(map[string]*carrier, len(m.agents))
		for i, agent := range m.agents {
			for _, key := range keysOfAgent(agent, r) {
				if m.carriers[r][key] == nil {
					m.carriers[r][key] = &carrier{}
				}
				m.carriers[r][key].agents = append(m.carriers[r][key].agents, int32(i))
			}
		}
	}
	for _, keys := range m.nodes {
		for r := range keys {
			for _, key := range keys[r] {
				if c := m.carriers[r][key]; c != nil {
					c.nodes++
				}
			}
		}
	}
}

// decide returns the agent that the node's best deciding key names.
func (m *matcher) decide(keys nodeKeys) (agent int32, by rank, ok bool) {
	for r := range ranks {
		agent, ok := m.sole(keys, r)
		if ok && m.permitted(keys, agent) {
			return agent, r, true
		}
	}
	return 0, 0, false
}

// sole returns the one agent that the keys of one rank point to.
func (m *matcher) sole(keys nodeKeys, r rank) (agent int32, ok bool) {
	for _, key := range keys[r] {
		c := m.carriers[r][key]
		if c == nil {
			continue
		}
		if len(c.agents) != 1 || c.nodes != 1 || ok && c.agents[0] != agent {
			return 0, false
		}
		agent, ok = c.agents[0], true
	}
	return agent, ok
}

// permitted reports whether the node's annotation, if any, names the agent.
func (m *matcher) permitted(keys nodeKeys, agent int32) bool {
	if len(keys[byAnnotation]) == 0 {
		return true
	}
	return slices.Contains(keysOfAgent(m.agents[agent], byAnnotation), keys[byAnnotation][0])
}

// stronger returns which of two claims to one agent holds.
func stronger(held, fresh claim) claim {
	switch {
	case held.node == "" || fresh.rank < held.rank:
		return fresh
	case fresh.rank == held.rank:
		held.draw = true
	}
	return held
}

// publish turns the claims that hold into the map.
func (m *matcher) publish(claims map[int32]claim) *NodeMap {
	out := &NodeMap{
		nodes:  make(map[string]nodeAnswer, len(m.nodes)),
		agents: make(map[string]string, len(claims)),
	}
	for agent, claim := range claims {
		if !claim.draw {
			out.nodes[claim.node] = nodeAnswer{agentID: m.agents[agent].ID, why: Mapped}
			out.agents[m.agents[agent].ID] = claim.node
		}
	}
	for node, keys := range m.nodes {
		if _, mapped := out.nodes[node]; mapped {
			continue
		}
		if candidates := m.candidates(keys); len(candidates) > 0 {
			out.nodes[node] = nodeAnswer{why: Ambiguous}
			out.ambiguous = append(out.ambiguous, AmbiguousNode{Node: node, Agents: candidates})
		}
	}
	slices.SortFunc(out.ambiguous, func(a, b AmbiguousNode) int { return strings.Compare(a.Node, b.Node) })
	return out
}

// candidates returns the agents that the node's keys match, the first few of
// the best rank that matches any.
func (m *matcher) candidates(keys nodeKeys) []string {
	for r := range ranks {
		var ids []string
		for _, key := range keys[r] {
			if c := m.carriers[r][key]; c != nil {
				for _, agent := range c.agents[:min(len(c.agents), maxCandidates)] {
					if m.permitted(keys, agent) {
						ids = append(ids, m.agents[agent].ID)
					}
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
