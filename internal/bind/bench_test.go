package bind

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/mesos"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/offercache"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/reservation"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

const benchRole = "k8s/pods"

// instantMesos confirms every operation at once and offers the agent anew, so
// that what a bind takes is all the extender's.
type instantMesos struct {
	cache *offercache.Cache
	book  *reservation.Manager

	mu     sync.Mutex                     // guards all below
	offers map[string]string              // outstanding offer → agent ID
	agents map[string][]resources.Portion // what each agent has
	made   int                            // offers
}

func (m *instantMesos) Accept(_ context.Context, a mesos.Accept) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	agentID := m.offers[a.OfferIDs[0]]
	for _, id := range a.OfferIDs {
		delete(m.offers, id)
	}
	for _, op := range a.Operations {
		m.perform(agentID, op)
		m.book.Status(mesos.OperationStatus{OperationID: op.ID, State: mesos.OperationFinished, AgentID: agentID, UUID: []byte("0123456789abcdef")})
	}
	m.offer(agentID)
	return nil
}

// perform moves amounts between stacks.
func (m *instantMesos) perform(agentID string, op mesos.Operation) {
	from := func(p resources.Portion) resources.Portion { return p.Pop() }
	to := func(p resources.Portion) resources.Portion { return p }
	if op.Type == mesos.Unreserve {
		from, to = to, from
	}
	for _, p := range op.Portions {
		m.change(agentID, from(p), resources.Vector.Sub)
		m.change(agentID, to(p), resources.Vector.Add)
	}
}

func (m *instantMesos) change(agentID string, p resources.Portion, by func(a, b resources.Vector) resources.Vector) {
	has := m.agents[agentID]
	i := slices.IndexFunc(has, p.SameStack)
	if i < 0 {
		i, has = len(has), append(has, resources.Portion{Layers: p.Layers})
	}
	has[i].Vector = by(has[i].Vector, p.Vector)
	m.agents[agentID] = slices.DeleteFunc(has, func(p resources.Portion) bool { return p.Vector.IsZero() })
}

// offer offers all that an agent has. The caller holds mu.
func (m *instantMesos) offer(agentID string) {
	m.made++
	o := &resources.Offer{
		ID: fmt.Sprint("o", m.made), AgentID: agentID, Role: benchRole, Hostname: "host",
		Portions: slices.Clone(m.agents[agentID]),
	}
	m.offers[o.ID] = agentID
	offers := []*resources.Offer{o}
	m.book.Offers(offers, m.cache.Add(1, offers))
}

func (*instantMesos) Decline(context.Context, uint64, []string, time.Duration) error { return nil }
func (*instantMesos) Acknowledge(context.Context, mesos.OperationStatus) error       { return nil }
func (*instantMesos) Reconcile(context.Context, []mesos.OperationRef) error          { return nil }
func (*instantMesos) UnreserveByOperator(context.Context, string, []resources.Portion) error {
	return nil
}

func (*instantMesos) Pending(context.Context) ([]mesos.Pending, error) { return nil, nil }

func (m *instantMesos) Agents(context.Context) ([]mesos.Agent, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []mesos.Agent
	for id := range m.agents {
		all = append(all, mesos.Agent{ID: id, Active: true, Feedback: true})
	}
	return all, nil
}

func (*instantMesos) Liveness(context.Context, reservation.Pod) (reservation.Liveness, error) {
	return reservation.Liveness{Alive: true}, nil
}

// startInstant starts a book with everything offered that the agents have.
func startInstant(b *testing.B, agents int) *reservation.Manager {
	b.Helper()
	m := &instantMesos{cache: offercache.New(clock.RealClock{}), offers: map[string]string{}, agents: map[string][]resources.Portion{}}
	m.book = reservation.New(reservation.Options{
		Cluster: "c", Principal: "p", ConfirmTimeout: time.Minute, AuditInterval: time.Hour, OrphanGrace: time.Hour,
		UnboundGrace: time.Hour, OperatorAfter: time.Hour, RemainderWait: time.Minute,
	}, reservation.Deps{
		Cache: m.cache, Master: m, Operator: m, Pods: m, Hurry: func(string) {},
		Log: zap.NewNop(), Registerer: prometheus.NewRegistry(), Clock: clock.RealClock{},
	})
	m.cache.Reset(1)
	m.book.Connection(true)
	for i := range agents {
		id := fmt.Sprint("agent-", i)
		m.agents[id] = []resources.Portion{{Vector: resources.Scalar(resources.CPUs, 8000).Add(resources.Scalar(resources.Mem, 16_384_000))}}
		m.offer(id)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- m.book.Run(ctx) }()
	b.Cleanup(func() { cancel(); <-ended })
	return m.book
}

// BenchmarkBind binds pods one after the other, each to the next agent, and
// has each end again. Neither Mesos nor the kube-apiserver takes any time.
func BenchmarkBind(b *testing.B) {
	for _, agents := range []int{100, 1000, 5000, 100_000} {
		b.Run(fmt.Sprint(agents), func(b *testing.B) {
			book := startInstant(b, agents)
			d := newDesk(Options{SchedulerName: scheduler, Timeout: 20 * time.Second})
			b.Cleanup(d.Drain)
			d.deps.Reserver = book
			d.deps.Agent = func(node string) (string, bool) { return node, true }
			d.deps.Need = func(*corev1.Pod) (resources.Vector, string, error) {
				return resources.Scalar(resources.CPUs, 100).Add(resources.Scalar(resources.Mem, 128_000)), benchRole, nil
			}
			runtime.GC()
			b.ReportAllocs()
			took := make([]time.Duration, 0, 1<<20)
			for i := 0; b.Loop(); i++ {
				uid := fmt.Sprint("uid-", i)
				d.pods.cached = podNamed(uid, func(p *corev1.Pod) { p.UID = types.UID(uid) })
				began := time.Now()
				if err := d.Bind(b.Context(), Target{Namespace: "default", Name: "web", UID: uid, Node: fmt.Sprint("agent-", i%agents)}); err != nil {
					b.Fatal(err)
				}
				took = append(took, time.Since(began))
				book.Release(uid, "the benchmark is done with it")
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)*99/100].Nanoseconds()), "p99-ns/bind")
		})
	}
}
