package filter

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	testclock "k8s.io/utils/clock/testing"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/offercache"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

type nodeMap map[string]string

func (nodeMap) Avoided(string) bool { return false }

func (m nodeMap) Agent(node string) (string, Reason) {
	if agent, ok := m[node]; ok {
		return agent, ""
	}
	return "", NoAgent
}

// benchWorld offers n agents of which every other one is too small.
func benchWorld(n int) (View, Names) {
	cache := offercache.New(testclock.NewFakePassiveClock(time.Unix(0, 0)))
	cache.Reset(1)
	nodes, agents := make([]string, n), make(nodeMap, n)
	all := make([]*resources.Offer, n)
	for i := range n {
		agent := fmt.Sprintf("8d1a2f6c-1b2c-4d6e-9e81-b9c620abcb10-S%d", i)
		nodes[i] = fmt.Sprintf("node-%06d", i)
		agents[nodes[i]] = agent
		all[i] = &resources.Offer{
			ID: fmt.Sprintf("O%d", i), AgentID: agent, Role: role, Hostname: nodes[i], Address: netip.AddrFrom4([4]byte{10}),
			Portions: []resources.Portion{{Vector: vector(float64(1+i%2*7), 16384)}},
		}
	}
	cache.Add(1, all)
	return View{Offers: cache.Snapshot(), Nodes: agents}, NamesOf(nodes...)
}

func BenchmarkFilter(b *testing.B) {
	for _, choice := range []Choice{{}, {Candidates: 16}} {
		for _, n := range []int{100, 1000, 5000, 100000} {
			b.Run(fmt.Sprintf("candidates=%d/size=%d", choice.Candidates, n), func(b *testing.B) {
				view, nodes := benchWorld(n)
				b.ReportAllocs()
				for b.Loop() {
					if got := Filter(view, pod, nodes, choice); got.Fitting != n/2 {
						b.Fatalf("%d nodes fit, want %d", got.Fitting, n/2)
					}
				}
			})
		}
	}
}

func BenchmarkScore(b *testing.B) {
	for _, n := range []int{100, 1000, 5000, 100000} {
		b.Run(fmt.Sprintf("size=%d", n), func(b *testing.B) {
			view, nodes := benchWorld(n)
			b.ReportAllocs()
			for b.Loop() {
				Score(view, pod, nodes, BinPacking)
			}
		})
	}
}
