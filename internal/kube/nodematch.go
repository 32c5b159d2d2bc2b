package kube

import (
	"slices"
	"strings"
)

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
	nodes  map[string]keys
	agents []*knownAgent
	// carriers holds, for each rank, key → how many have it.
	carriers [ranks]map[string]*carrier
}

// knownAgent is an agent with its keys, which are made by the first match that
// looks at it: agents are told of by the event loop, which has no time for that.
type knownAgent struct {
	AgentIdentity
	keyed bool
	keys  keys
}

// carrier counts who has one key.
type carrier struct {
	nodes, agents int32
	agent         int32 // the last of them, its position in matcher.agents
}

// claim is a node's wish to be an agent.
type claim struct {
	node string
	rank rank
	draw bool // another node claims the agent by a key of the same rank
}

// match builds the map. It takes time in proportion to nodes and agents. Two must
// not look at the same agents at a time.
func match(nodes map[string]keys, agents []*knownAgent) *NodeMap {
	for _, agent := range agents {
		if !agent.keyed {
			agent.keyed, agent.keys = true, keysOfAgent(agent.AgentIdentity)
		}
	}
	m := matcher{nodes: nodes, agents: agents}
	m.countNodes()
	m.countAgents()
	claims := make(map[int32]claim, len(nodes))
	for node, k := range nodes {
		if agent, rank, ok := m.decide(k); ok {
			claims[agent] = stronger(claims[agent], claim{node: node, rank: rank})
		}
	}
	return m.publish(claims)
}

// countNodes makes a carrier for every key that a node has.
func (m *matcher) countNodes() {
	for r := range ranks {
		m.carriers[r] = map[string]*carrier{}
		if r != byAnnotation { // few nodes have one
			m.carriers[r] = make(map[string]*carrier, len(m.nodes))
		}
		for _, k := range m.nodes {
			for _, key := range k[r] {
				c := m.carriers[r][key]
				if c == nil {
					c = &carrier{}
					m.carriers[r][key] = c
				}
				c.nodes++
			}
		}
	}
}

// countAgents counts the agents that have a node's key.
func (m *matcher) countAgents() {
	for i := range m.agents {
		for r := range ranks {
			for _, key := range m.agents[i].keys[r] {
				if c := m.carriers[r][key]; c != nil {
					c.agents++
					c.agent = int32(i)
				}
			}
		}
	}
}

// decide returns the agent that the node's best deciding key names.
func (m *matcher) decide(k keys) (agent int32, by rank, ok bool) {
	for r := range ranks {
		agent, ok := m.sole(k, r)
		if ok && permitted(k, m.agents[agent].keys) {
			return agent, r, true
		}
	}
	return 0, 0, false
}

// sole returns the one agent that the keys of one rank point to.
func (m *matcher) sole(k keys, r rank) (agent int32, ok bool) {
	for _, key := range k[r] {
		c := m.carriers[r][key]
		if c == nil || c.agents == 0 {
			continue
		}
		if c.agents != 1 || c.nodes != 1 || ok && c.agent != agent {
			return 0, false
		}
		agent, ok = c.agent, true
	}
	return agent, ok
}

// permitted reports whether the node's annotation, if any, names the agent.
func permitted(node, agent keys) bool {
	return len(node[byAnnotation]) == 0 || slices.Contains(agent[byAnnotation], node[byAnnotation][0])
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
		total:  len(m.nodes),
	}
	for agent, claim := range claims {
		if !claim.draw {
			out.nodes[claim.node] = nodeAnswer{agentID: m.agents[agent].ID, why: Mapped}
			out.agents[m.agents[agent].ID] = claim.node
		}
	}
	for node, k := range m.nodes {
		if _, mapped := out.nodes[node]; !mapped && m.matched(k) {
			out.ambiguous = append(out.ambiguous, AmbiguousNode{Node: node})
		}
	}
	slices.SortFunc(out.ambiguous, func(a, b AmbiguousNode) int { return strings.Compare(a.Node, b.Node) })
	m.explain(out)
	return out
}

// matched reports whether any agent has a key of the node.
func (m *matcher) matched(k keys) bool {
	for r := range ranks {
		for _, key := range k[r] {
			if c := m.carriers[r][key]; c != nil && c.agents > 0 {
				return true
			}
		}
	}
	return false
}
