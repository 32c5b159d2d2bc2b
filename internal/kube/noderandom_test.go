package kube

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
)

// randomCluster makes nodes and agents whose few keys clash often.
func randomCluster(rng *rand.Rand) ([]*corev1.Node, []AgentIdentity) {
	some := func(format string) string {
		if rng.IntN(3) == 0 {
			return ""
		}
		return fmt.Sprintf(format, rng.IntN(5))
	}
	nodes, agents := make([]*corev1.Node, rng.IntN(6)), make([]AgentIdentity, rng.IntN(6))
	for i := range agents {
		agents[i] = agent(fmt.Sprintf("A%d", i), some("h%d"), some("10.0.0.%d"))
	}
	for i := range nodes {
		annotation := ""
		if rng.IntN(3) == 0 {
			annotation = []string{some("A%d"), some("h%d")}[rng.IntN(2)]
		}
		nodes[i] = newNode(fmt.Sprintf("h%d", i), annotation, some("10.0.0.%d"), some("h%d"))
	}
	return nodes, agents
}

// shareAKey reports whether some rank has a key of both.
func shareAKey(node, agent keys) bool {
	for r := range ranks {
		if slices.ContainsFunc(node[r], func(key string) bool { return slices.Contains(agent[r], key) }) {
			return true
		}
	}
	return false
}

func TestNodeMapLaws(t *testing.T) {
	for seed := range uint64(3000) {
		nodes, agents := randomCluster(rand.New(rand.NewPCG(seed, 0)))
		m := mapOf(nodes, agents)
		checkOneToOne(t, m, nodes)
		for _, node := range nodes {
			id, why := m.Agent(node.Name)
			related := slices.IndexFunc(agents, func(a AgentIdentity) bool {
				return shareAKey(keysOfNode(node), keysOfAgent(a)) && permitted(keysOfNode(node), keysOfAgent(a)) && (id == "" || a.ID == id)
			})
			if (why == NoAgent) != (related < 0) {
				t.Errorf("seed %d: node %s: %v (%s) although a related agent exists: %t", seed, node.Name, why, id, related >= 0)
			}
		}
		// Go's random order of maps is the shuffle.
		if diff := cmp.Diff(show(m, nodes), show(mapOf(nodes, agents), nodes)); diff != "" {
			t.Errorf("seed %d: the same cluster gave two maps:\n%s", seed, diff)
		}
		if t.Failed() {
			return
		}
	}
}
