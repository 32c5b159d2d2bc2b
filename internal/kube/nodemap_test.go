package kube

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// newNode makes a node; empty texts leave the annotation, address or label out.
func newNode(name, annotation, address, hostname string) *corev1.Node {
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}}
	if annotation != "" {
		node.Annotations = map[string]string{AgentAnnotation: annotation}
	}
	if hostname != "" {
		node.Labels = map[string]string{corev1.LabelHostname: hostname}
	}
	if address != "" {
		node.Status.Addresses = []corev1.NodeAddress{
			{Type: corev1.NodeExternalIP, Address: "203.0.113.1"},
			{Type: corev1.NodeInternalIP, Address: address},
		}
	}
	return node
}

func agent(id, hostname, address string) AgentIdentity {
	identity := AgentIdentity{ID: id, Hostname: hostname}
	if address != "" {
		identity.Address = netip.MustParseAddr(address)
	}
	return identity
}

// mapOf builds the map as Nodes does.
func mapOf(nodes []*corev1.Node, agents []AgentIdentity) *NodeMap {
	nodeKeys := map[string]keys{}
	for _, node := range nodes {
		nodeKeys[node.Name] = keysOfNode(node)
	}
	known := make([]*knownAgent, len(agents))
	for i, agent := range agents {
		known[i] = &knownAgent{AgentIdentity: agent}
	}
	return match(nodeKeys, known)
}

// show writes each node's answer as "agent", "-" or "?".
func show(m *NodeMap, nodes []*corev1.Node) map[string]string {
	answers := map[string]string{}
	for _, node := range nodes {
		id, why := m.Agent(node.Name)
		answers[node.Name] = map[Mapping]string{Mapped: id, NoAgent: "-", Ambiguous: "?"}[why]
	}
	return answers
}

var nodeMapCases = map[string]struct {
	nodes  []*corev1.Node
	agents []AgentIdentity
	want   map[string]string
}{
	"annotation with an agent ID, against address and name": {
		nodes:  []*corev1.Node{newNode("h1", "A2", "10.0.0.1", "h1")},
		agents: []AgentIdentity{agent("A1", "h1", "10.0.0.1"), agent("A2", "h2", "10.0.0.2")},
		want:   map[string]string{"h1": "A2"},
	},
	"annotation with a hostname": {
		nodes:  []*corev1.Node{newNode("n", "Host2.example", "", "")},
		agents: []AgentIdentity{agent("A2", "host2.EXAMPLE", "10.0.0.2")},
		want:   map[string]string{"n": "A2"},
	},
	"annotation with an unknown agent is obeyed": {
		nodes:  []*corev1.Node{newNode("h1", "A9", "10.0.0.1", "h1")},
		agents: []AgentIdentity{agent("A1", "h1", "10.0.0.1")},
		want:   map[string]string{"h1": "-"},
	},
	"annotated hostname of two agents, told apart by address": {
		nodes:  []*corev1.Node{newNode("n", "h", "10.0.0.2", "")},
		agents: []AgentIdentity{agent("A1", "h", "10.0.0.1"), agent("A2", "h", "10.0.0.2")},
		want:   map[string]string{"n": "A2"},
	},
	"annotated hostname of two agents, address of a third": {
		nodes:  []*corev1.Node{newNode("n", "h", "10.0.0.3", "")},
		agents: []AgentIdentity{agent("A1", "h", "10.0.0.1"), agent("A2", "h", "10.0.0.2"), agent("A3", "x", "10.0.0.3")},
		want:   map[string]string{"n": "?"},
	},
	"two nodes with one annotation": {
		nodes:  []*corev1.Node{newNode("n1", "A1", "", ""), newNode("n2", "A1", "", "")},
		agents: []AgentIdentity{agent("A1", "h", "")},
		want:   map[string]string{"n1": "?", "n2": "?"},
	},
	"address before hostname": {
		nodes:  []*corev1.Node{newNode("h2", "", "10.0.0.1", "")},
		agents: []AgentIdentity{agent("A1", "h1", "10.0.0.1"), agent("A2", "h2", "10.0.0.2")},
		want:   map[string]string{"h2": "A1"},
	},
	"address in IPv6 form": {
		nodes:  []*corev1.Node{newNode("n", "", "::ffff:10.0.0.1", "")},
		agents: []AgentIdentity{agent("A1", "h1", "10.0.0.1")},
		want:   map[string]string{"n": "A1"},
	},
	"external addresses do not count": {
		nodes:  []*corev1.Node{newNode("n", "", "10.0.0.1", "")},
		agents: []AgentIdentity{agent("A1", "h1", "203.0.113.1")},
		want:   map[string]string{"n": "-"},
	},
	"one machine: all share an address, hostnames decide": {
		nodes:  []*corev1.Node{newNode("h1", "", "127.0.0.1", ""), newNode("n2", "", "127.0.0.1", "h2")},
		agents: []AgentIdentity{agent("A1", "h1", "127.0.0.1"), agent("A2", "h2", "127.0.0.1")},
		want:   map[string]string{"h1": "A1", "n2": "A2"},
	},
	"two agents on one host and address": {
		nodes:  []*corev1.Node{newNode("h1", "", "10.0.0.1", "h1")},
		agents: []AgentIdentity{agent("A1", "h1", "10.0.0.1"), agent("A2", "h1", "10.0.0.1")},
		want:   map[string]string{"h1": "?"},
	},
	"one name, as a node's name and as another's label": {
		nodes:  []*corev1.Node{newNode("h1", "", "", ""), newNode("n2", "", "", "h1")},
		agents: []AgentIdentity{agent("A1", "h1", "")},
		want:   map[string]string{"h1": "?", "n2": "?"},
	},
	"name and label point to two agents": {
		nodes:  []*corev1.Node{newNode("h1", "", "", "h2")},
		agents: []AgentIdentity{agent("A1", "h1", ""), agent("A2", "h2", "")},
		want:   map[string]string{"h1": "?"},
	},
	"two nodes claim one agent: the better key wins": {
		nodes:  []*corev1.Node{newNode("h1", "", "10.0.0.9", ""), newNode("n2", "", "10.0.0.1", "")},
		agents: []AgentIdentity{agent("A1", "h1", "10.0.0.1")},
		want:   map[string]string{"h1": "?", "n2": "A1"},
	},
	"two nodes share an address, the name decides": {
		nodes:  []*corev1.Node{newNode("h1", "", "127.0.0.1", ""), newNode("n2", "", "127.0.0.1", "")},
		agents: []AgentIdentity{agent("A1", "h1", "127.0.0.1")},
		want:   map[string]string{"h1": "A1", "n2": "?"},
	},
	"two nodes are annotated with one agent, by ID and by hostname": {
		nodes:  []*corev1.Node{newNode("n1", "A1", "", ""), newNode("n2", "h1", "", "")},
		agents: []AgentIdentity{agent("A1", "h1", "")},
		want:   map[string]string{"n1": "?", "n2": "?"},
	},
	"nothing matches": {
		nodes:  []*corev1.Node{newNode("h1", "", "10.0.0.1", "h1")},
		agents: []AgentIdentity{agent("A9", "h9", "10.0.0.9"), agent("A8", "", "")},
		want:   map[string]string{"h1": "-"},
	},
}

func TestNodeMap(t *testing.T) {
	for name, tc := range nodeMapCases {
		t.Run(name, func(t *testing.T) {
			got := mapOf(tc.nodes, tc.agents)
			if diff := cmp.Diff(tc.want, show(got, tc.nodes)); diff != "" {
				t.Errorf("answers (-want +got):\n%s", diff)
			}
			checkOneToOne(t, got, tc.nodes)
		})
	}
}

// checkOneToOne checks that both directions of the map agree.
func checkOneToOne(t *testing.T, m *NodeMap, nodes []*corev1.Node) {
	t.Helper()
	mapped, ambiguous := 0, 0
	for _, node := range nodes {
		id, why := m.Agent(node.Name)
		if (why == Mapped) != (id != "") {
			t.Errorf("node %s: agent %q although %v", node.Name, id, why)
		}
		switch why {
		case Mapped:
			mapped++
			if back, ok := m.Node(id); !ok || back != node.Name {
				t.Errorf("agent %s leads to node %q, want %s", id, back, node.Name)
			}
		case Ambiguous:
			ambiguous++
		}
	}
	if m.Nodes() != len(nodes) {
		t.Errorf("%d nodes, but the map says %d", len(nodes), m.Nodes())
	}
	if mapped != m.Len() || ambiguous != len(m.Ambiguous()) {
		t.Errorf("%d mapped and %d ambiguous, but the map says %d and %d", mapped, ambiguous, m.Len(), len(m.Ambiguous()))
	}
}

func TestAmbiguousNodesNameTheirCandidates(t *testing.T) {
	nodes := []*corev1.Node{newNode("n2", "", "127.0.0.1", ""), newNode("n1", "", "127.0.0.1", "")}
	var agents []AgentIdentity
	for i := range 100 {
		agents = append(agents, agent(fmt.Sprintf("A%02d", i), fmt.Sprintf("h%d", i), "127.0.0.1"))
	}
	few := []string{"A00", "A01", "A02", "A03", "A04", "A05", "A06", "A07"}
	want := []AmbiguousNode{{Node: "n1", Agents: few}, {Node: "n2", Agents: few}}
	if diff := cmp.Diff(want, mapOf(nodes, agents).Ambiguous()); diff != "" {
		t.Errorf("ambiguous nodes (-want +got):\n%s", diff)
	}
}

func BenchmarkNodeMap100k(b *testing.B) {
	nodeKeys, agents := map[string]keys{}, make([]*knownAgent, 100_000)
	for i := range agents {
		address := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		name := fmt.Sprintf("node-%d.example", i)
		identity := AgentIdentity{ID: fmt.Sprintf("0f6d2f3a-S%d", i), Hostname: name, Address: address}
		agents[i] = &knownAgent{AgentIdentity: identity}
		nodeKeys[name] = keysOfNode(newNode(name, "", address.String(), name))
	}
	for b.Loop() {
		if match(nodeKeys, agents).Len() != len(agents) {
			b.Fatal("not all were mapped")
		}
	}
}
