package sampling

import (
	"context"
	"fmt"
	"iter"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/utils/clock"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/kube"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/offercache"
)

// crowd is many nodes without an informer.
type crowd struct {
	nodes  []*corev1.Node
	byName map[string]*corev1.Node
	agents *kube.NodeMap
}

func (c *crowd) All() iter.Seq[*corev1.Node] {
	return func(yield func(*corev1.Node) bool) {
		for _, node := range c.nodes {
			if !yield(node) {
				return
			}
		}
	}
}
func (c *crowd) Node(name string) (*corev1.Node, bool) { node, ok := c.byName[name]; return node, ok }
func (c *crowd) CountWithoutOffers() int               { return len(c.nodes) }
func (c *crowd) Map() *kube.NodeMap                    { return c.agents }

// newCrowd has nodes of which every tenth has no label.
func newCrowd(b *testing.B, count int) *crowd {
	b.Helper()
	c := &crowd{byName: map[string]*corev1.Node{}}
	var objects []runtime.Object
	var agents []kube.AgentIdentity
	for i := range count {
		node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: nodeName(i)}}
		if i%10 > 0 {
			node.Labels = map[string]string{kube.OffersLabel: kube.NoOffers}
		}
		c.nodes = append(c.nodes, node)
		c.byName[node.Name] = node
		objects = append(objects, node)
		agents = append(agents, kube.AgentIdentity{ID: agentID(i), Hostname: nodeName(i)})
	}
	var err error
	if c.agents, err = kube.MapNodes(b.Context(), fake.NewSimpleClientset(objects...), agents); err != nil {
		b.Fatal(err)
	}
	return c
}

// crowded is a Manager that has looked once at a cluster in which every tenth
// agent has room.
func crowded(b *testing.B, count int) *Manager {
	b.Helper()
	cache := offercache.New(clock.RealClock{})
	w := &world{cache: cache}
	cache.Reset(1)
	for i := 0; i < count; i += 10 {
		w.offer(i, plenty)
	}
	m := New(Options{Enabled: true, Roles: []string{testRole}, Minimum: amounts(10, 32)}, Deps{
		Nodes: newCrowd(b, count), Snapshot: cache.Snapshot, Demanded: func() bool { return true },
		Usable: func(string) bool { return true }, Needed: func(string) bool { return false },
		Label: func(context.Context, string, types.UID, bool) error { b.Error("written"); return nil },
		Log:   zap.NewNop(), Registerer: prometheus.NewRegistry(), Clock: clock.RealClock{},
	})
	m.book = newBook()
	m.look(b.Context())
	return m
}

// BenchmarkLook is a look at which nothing has changed.
func BenchmarkLook(b *testing.B) {
	for _, count := range []int{1000, 100_000} {
		m := crowded(b, count)
		b.Run(fmt.Sprint(count), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				m.surveyed = m.deps.Clock.Now()
				m.look(b.Context())
			}
		})
	}
}

// BenchmarkSurvey is a pass over all nodes.
func BenchmarkSurvey(b *testing.B) {
	for _, count := range []int{1000, 100_000} {
		m := crowded(b, count)
		b.Run(fmt.Sprint(count), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				m.survey(m.deps.Clock.Now())
			}
		})
	}
}
