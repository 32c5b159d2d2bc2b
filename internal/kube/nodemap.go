package kube

import (
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// Mapping says how the question "which agent is this node?" was answered.
type Mapping int

// The answers. The zero value is NoAgent: nothing we know of matches.
const (
	NoAgent Mapping = iota
	Mapped
	Ambiguous
)

// AgentIdentity is by what an agent is recognised. Several agents may share
// the hostname, the address, or both.
type AgentIdentity struct {
	ID       string
	Hostname string
	Address  netip.Addr // of the offer's URL; invalid if unknown
}

// AmbiguousNode is a node that was not mapped because the best key it has in
// common with agents is shared.
type AmbiguousNode struct {
	Node string
	// Agents are the candidates, in order of ID, at most a few of them.
	Agents []string
}

// NodeMap is one state of the map between nodes and agents. It is one to one
// and immutable.
type NodeMap struct {
	nodes     map[string]nodeAnswer // node name → what was decided
	agents    map[string]string     // agent ID → node name, mapped ones only
	ambiguous []AmbiguousNode       // in order of the node's name
}

type nodeAnswer struct {
	agentID string // set if Mapped
	why     Mapping
}

// Agent returns the agent of a node; the ID is empty unless why is Mapped.
func (m *NodeMap) Agent(node string) (agentID string, why Mapping) {
	answer := m.nodes[node]
	return answer.agentID, answer.why
}

// Node returns the node of an agent, false if it has none or it is not certain.
func (m *NodeMap) Node(agentID string) (string, bool) {
	node, ok := m.agents[agentID]
	return node, ok
}

// Ambiguous returns the nodes that match several agents, or share their agent
// with another node. The slice must not be changed.
func (m *NodeMap) Ambiguous() []AmbiguousNode { return m.ambiguous }

// Len returns how many nodes are mapped.
func (m *NodeMap) Len() int { return len(m.agents) }

// rank orders the kinds of key, the most explicit first.
type rank int

const (
	byAnnotation rank = iota
	byAddress
	byHostname
	ranks
)

// nodeKeys is what a node can be recognised by, each in the form in which
// agentKeys gives it: it is all of a node that the map depends on.
type nodeKeys [ranks][]string

// keysOfNode reads a node's keys.
func keysOfNode(node *corev1.Node) nodeKeys {
	var keys nodeKeys
	if value := node.Annotations[AgentAnnotation]; value != "" {
		keys[byAnnotation] = []string{strings.ToLower(value)}
	}
	for _, address := range node.Status.Addresses {
		ip, err := netip.ParseAddr(address.Address)
		if address.Type != corev1.NodeInternalIP || err != nil {
			continue
		}
		if key := ip.Unmap().String(); !slices.Contains(keys[byAddress], key) {
			keys[byAddress] = append(keys[byAddress], key)
		}
	}
	keys[byHostname] = []string{strings.ToLower(node.Name)}
	label := strings.ToLower(node.Labels[corev1.LabelHostname])
	if label != "" && label != keys[byHostname][0] {
		keys[byHostname] = append(keys[byHostname], label)
	}
	return keys
}

func (k nodeKeys) equal(other nodeKeys) bool {
	for r := range k {
		if !slices.Equal(k[r], other[r]) {
			return false
		}
	}
	return true
}

// keysOfAgent returns the agent's keys of one rank. Hostnames are compared
// without regard to case, as DNS does.
func keysOfAgent(agent AgentIdentity, r rank) []string {
	hostname := strings.ToLower(agent.Hostname)
	switch {
	case r == byAnnotation && strings.EqualFold(agent.ID, hostname):
		return []string{hostname}
	case r == byAnnotation && hostname != "":
		return []string{strings.ToLower(agent.ID), hostname}
	case r == byAnnotation:
		return []string{strings.ToLower(agent.ID)}
	case r == byAddress && agent.Address.IsValid():
		return []string{agent.Address.Unmap().String()}
	case r == byHostname && hostname != "":
		return []string{hostname}
	}
	return nil
}
