package kube

import (
	"fmt"
	"net/netip"
	"testing"
)

var sizes = []int{100, 1000, 5000, 100_000}

// benchNodes are n nodes and the agents that they stand for, by hostname.
func benchNodes(n int) (map[string]keys, []*knownAgent) {
	nodes, agents := make(map[string]keys, n), make([]*knownAgent, n)
	for i := range n {
		name := fmt.Sprintf("node-%d.example.com", i)
		nodes[name] = keysOfNode(newNode(name, "", fmt.Sprintf("10.%d.%d.%d", 128+i/65536, i/256%256, i%256), name))
		agent := AgentIdentity{
			ID: fmt.Sprintf("6f3b2f6e-9d54-4c8e-8e0a-3f1d2b7c9a10-S%d", i), Hostname: name,
			Address: netip.AddrFrom4([4]byte{127, 0, 0, 1}),
		}
		agents[i] = &knownAgent{AgentIdentity: agent}
	}
	return nodes, agents
}

// BenchmarkNodeMap makes the whole map.
func BenchmarkNodeMap(b *testing.B) {
	for _, n := range sizes {
		b.Run(fmt.Sprint("size=", n), func(b *testing.B) {
			nodes, agents := benchNodes(n)
			b.ReportAllocs()
			for b.Loop() {
				if m := match(nodes, agents); m.Len() != n {
					b.Fatalf("%d nodes mapped, want %d", m.Len(), n)
				}
			}
		})
	}
}

// BenchmarkNodeMapRead looks one node's agent up, as filter does for each.
func BenchmarkNodeMapRead(b *testing.B) {
	for _, n := range sizes {
		b.Run(fmt.Sprint("size=", n), func(b *testing.B) {
			nodes, agents := benchNodes(n)
			m := match(nodes, agents)
			names := make([]string, 0, n)
			for name := range nodes {
				names = append(names, name)
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if _, why := m.Agent(names[i%n]); why != Mapped {
					b.Fatal("not mapped")
				}
			}
		})
	}
}
