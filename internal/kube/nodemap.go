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
	avoided   map[string]struct{}   // node names
	total     int                   // nodes, with an agent or without
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

// Avoided reports whether pods had better go elsewhere than to that node: it has
// a taint of the effect PreferNoSchedule.
func (m *NodeMap) Avoided(node string) bool {
	_, avoided := m.avoided[node]
	return avoided
}

// Nodes is how many nodes there are, with an agent or without.
func (m *NodeMap) Nodes() int { return m.total }

// Node returns the node of an agent, false if it has none or it is not certain.
func (m *NodeMap) Node(agentID string) (string, bool) {
	node, ok := m.agents[agentID]
	return node, ok
}

// Size returns how many nodes Names yields.
func (m *NodeMap) Size() int { return len(m.nodes) }

// Names yields every node that matches an agent or several, in no order.
func (m *NodeMap) Names(yield func(node string) bool) {
	for node := range m.nodes {
		if !yield(node) {
			return
		}
	}
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

// keys is what a node or an agent can be recognised by, of each rank. It is all
// that decides which node is which agent.
type keys [ranks][]string

// keysOfNode reads a node's keys. Hostnames are compared without regard to
// case, as DNS does.
func keysOfNode(node *corev1.Node) keys {
	var k keys
	k.add(byAnnotation, node.Annotations[AgentAnnotation])
	for _, address := range node.Status.Addresses {
		if address.Type == corev1.NodeInternalIP {
			ip, _ := netip.ParseAddr(address.Address) // invalid if it is none
			k.addAddress(ip)
		}
	}
	k.add(byHostname, node.Name)
	k.add(byHostname, node.Labels[corev1.LabelHostname])
	return k
}

// keysOfAgent returns an agent's keys, in the form of keysOfNode.
func keysOfAgent(agent AgentIdentity) keys {
	var k keys
	k.add(byAnnotation, agent.ID)
	k.add(byAnnotation, agent.Hostname)
	k.addAddress(agent.Address)
	k.add(byHostname, agent.Hostname)
	return k
}

// add adds a key unless it is empty or there already.
func (k *keys) add(r rank, key string) {
	key = strings.ToLower(key)
	if key != "" && !slices.Contains(k[r], key) {
		k[r] = append(k[r], key)
	}
}

func (k *keys) addAddress(ip netip.Addr) {
	if ip.IsValid() {
		k.add(byAddress, ip.Unmap().String())
	}
}

func (k keys) equal(other keys) bool {
	for r := range k {
		if !slices.Equal(k[r], other[r]) {
			return false
		}
	}
	return true
}
