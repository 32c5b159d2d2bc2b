package demand

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"k8s.io/utils/clock"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/offercache"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

// benchManager has n refused pods of ten sizes, none of which fits on any of the
// agents.
func benchManager(n, agents int) (*Manager, []offercache.Key) {
	cache := offercache.New(clock.RealClock{})
	cache.Reset(1)
	offers, keys := make([]*resources.Offer, agents), make([]offercache.Key, agents)
	for i := range offers {
		id := fmt.Sprintf("6f3b2f6e-9d54-4c8e-8e0a-3f1d2b7c9a10-S%d", i)
		offers[i] = offerOf(fmt.Sprint("O", i), id, amounts(8, 16384))
		keys[i] = keyOf(id)
	}
	cache.Add(1, offers)
	m := New(testOptions, Deps{
		Cache: cache, Master: deaf{}, Wanting: func() map[string]int { return nil },
		Usable: func(string) bool { return true },
		Wake:   func(context.Context, Pod, string) error { return nil },
		Log:    zap.NewNop(), Registerer: prometheus.NewRegistry(), Clock: clock.RealClock{},
	})
	for i := range n {
		uid := fmt.Sprint("pod", i)
		need := amounts(int64(10+i%10), 1024)
		m.Pending(uid, testRole, need)
		m.Refused(Pod{Namespace: "ns", Name: uid, UID: uid, Created: time.Unix(int64(i), 0), Role: testRole, Need: need})
	}
	return m, keys
}

// deaf is a master that hears nothing.
type deaf struct{}

func (deaf) Decline(context.Context, uint64, []string, time.Duration) error { return nil }
func (deaf) Revive(context.Context, []string) error                         { return nil }

// BenchmarkWakePass is one pass that picks pods to wake: all are compared with
// the offers that changed.
func BenchmarkWakePass(b *testing.B) {
	for _, n := range []int{100, 1000, 5000} {
		b.Run(fmt.Sprint("size=", n), func(b *testing.B) {
			m, keys := benchManager(n, 5000)
			m.round() // after it no pod is fresh
			b.ReportAllocs()
			for b.Loop() {
				m.Changed(keys[:1000])
				if picked := m.round(); len(picked) != 0 {
					b.Fatalf("%d pods woken", len(picked))
				}
			}
		})
	}
}

// BenchmarkGiveBack is one look at the age of everything held, of which nothing
// goes back.
func BenchmarkGiveBack(b *testing.B) {
	for _, n := range []int{100, 1000, 5000, 100_000} {
		b.Run(fmt.Sprint("size=", n), func(b *testing.B) {
			m, _ := benchManager(1, n)
			b.ReportAllocs()
			for b.Loop() {
				m.giveBack()
			}
		})
	}
}
