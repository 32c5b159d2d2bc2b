package roster

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/filter"
)

// BenchmarkFilter judges all nodes, in an order that is not the memory's.
// sources is the same without a roster.
func BenchmarkFilter(b *testing.B) {
	for _, from := range []string{"roster", "sources"} {
		for _, size := range []int{100, 1000, 5000, 100000} {
			b.Run(fmt.Sprintf("from=%s/size=%d", from, size), func(b *testing.B) {
				w, names := benchWorld(size)
				view := w.view()
				if from == "sources" {
					view = w.plain()
				}
				b.ReportAllocs()
				for b.Loop() {
					if got := filter.Filter(view, pod, names, filter.Choice{Candidates: 16}); got.Fitting != size/2 {
						b.Fatalf("%d nodes fit, want %d", got.Fitting, size/2)
					}
				}
			})
		}
	}
}

// BenchmarkChanged has one agent in a hundred change between two calls that
// look at a hundred nodes.
func BenchmarkChanged(b *testing.B) {
	for _, size := range []int{100, 1000, 5000, 100000} {
		b.Run(fmt.Sprintf("size=%d", size), func(b *testing.B) {
			w, names := benchWorld(size)
			view := w.view()
			b.ReportAllocs()
			for b.Loop() {
				for i := 0; i < size; i += 100 {
					w.occupants.set(agentOf(i))
				}
				filter.Filter(view, pod, names.Slice(0, 100), filter.Choice{Candidates: 16})
			}
		})
	}
}

// BenchmarkFirst is the first call after the node map has changed.
func BenchmarkFirst(b *testing.B) {
	for _, size := range []int{100, 1000, 5000, 100000} {
		b.Run(fmt.Sprintf("size=%d", size), func(b *testing.B) {
			w, names := benchWorld(size)
			b.ReportAllocs()
			for b.Loop() {
				w.nodes.Store(newNodeMapLike(w.nodes.Load()))
				filter.Filter(w.view(), pod, names.Slice(0, 100), filter.Choice{Candidates: 16})
			}
		})
	}
}

func newNodeMapLike(m *nodeMap) *nodeMap { return &nodeMap{agents: m.agents, nodes: m.nodes} }

// benchWorld offers n agents of which every other one is too small.
func benchWorld(n int) (*world, filter.Names) {
	w, names := newWorld(n), make([]string, n)
	for i := range n {
		names[i] = nodeOf(i)
		w.offer(i, 1+i%2*7)
	}
	rand.New(rand.NewPCG(1, 2)).Shuffle(n, func(i, j int) { names[i], names[j] = names[j], names[i] })
	return w, filter.NamesOf(names...)
}
