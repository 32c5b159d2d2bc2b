package offercache

import (
	"fmt"
	"net/netip"
	"runtime"
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

var sizes = []int{100, 1000, 5000, 100000}

// realistic returns one offer per agent, as a cluster sends them: IDs of
// Mesos' length, attributes, ports, and nothing shared between offers.
func realistic(agents int) []*resources.Offer {
	offers := make([]*resources.Offer, agents)
	for i := range offers {
		v := amounts(16, 65536).Add(resources.Scalar(resources.Disk, 1e9)).Add(ports(31000, 32000))
		offers[i] = &resources.Offer{
			ID:         fmt.Sprintf("6f3b2f6e-9d54-4c8e-8e0a-3f1d2b7c9a10-O%d", i),
			AgentID:    fmt.Sprintf("6f3b2f6e-9d54-4c8e-8e0a-3f1d2b7c9a10-S%d", i),
			Role:       role,
			Hostname:   fmt.Sprintf("node-%d.example.com", i),
			Address:    netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}),
			Region:     "region",
			Zone:       "zone",
			Attributes: []resources.Label{{Key: "rack", Value: fmt.Sprint("r", i%40)}},
			Portions:   []resources.Portion{{Vector: v}},
		}
	}
	return offers
}

func filled(offers []*resources.Offer) *Cache {
	c := New(clocktesting.NewFakePassiveClock(time.Unix(0, 0)))
	c.Reset(1)
	c.Add(1, offers)
	return c
}

func bySizes(b *testing.B, run func(b *testing.B, c *Cache, offers []*resources.Offer)) {
	for _, n := range sizes {
		b.Run(fmt.Sprint("size=", n), func(b *testing.B) {
			offers := realistic(n)
			c := filled(offers)
			b.ReportAllocs()
			b.ResetTimer()
			run(b, c, offers)
		})
	}
}

// BenchmarkRescindAndAdd replaces one offer: two changes, two snapshots.
func BenchmarkRescindAndAdd(b *testing.B) {
	bySizes(b, func(b *testing.B, c *Cache, offers []*resources.Offer) {
		for i := 0; b.Loop(); i++ {
			one := offers[i%len(offers) : i%len(offers)+1]
			c.Rescind(1, one[0].ID)
			c.Add(1, one)
		}
	})
}

// BenchmarkBurst takes a whole cluster's offers in; time is per burst.
func BenchmarkBurst(b *testing.B) {
	bySizes(b, func(b *testing.B, _ *Cache, offers []*resources.Offer) {
		for b.Loop() {
			filled(offers)
		}
	})
}

func BenchmarkHoldAndUnhold(b *testing.B) {
	need := amounts(1, 1024)
	bySizes(b, func(b *testing.B, c *Cache, offers []*resources.Offer) {
		for i := 0; b.Loop(); i++ {
			o := offers[i%len(offers)]
			if err := c.Hold("pod", Key{o.AgentID, o.Role}, need); err != nil {
				b.Fatal(err)
			}
			c.Unhold("pod")
		}
	})
}

// BenchmarkTake is one pod's whole way: hold, departure, the rest offered anew.
func BenchmarkTake(b *testing.B) {
	need := amounts(1, 1024)
	bySizes(b, func(b *testing.B, c *Cache, offers []*resources.Offer) {
		for i := 0; b.Loop(); i++ {
			o := offers[i%len(offers)]
			key := Key{o.AgentID, o.Role}
			if err := c.Hold("pod", key, need); err != nil {
				b.Fatal(err)
			}
			if _, ok := c.Take(key); !ok {
				b.Fatal("nothing leaves")
			}
			c.Unhold("pod")
			c.Add(1, []*resources.Offer{o})
		}
	})
}

// BenchmarkRead looks one agent's free amounts up, as filter does per node.
func BenchmarkRead(b *testing.B) {
	bySizes(b, func(b *testing.B, c *Cache, offers []*resources.Offer) {
		need := amounts(1, 1024)
		s := c.Snapshot()
		for i := 0; b.Loop(); i++ {
			if view, ok := s.Agent(offers[i%len(offers)].AgentID); !ok || !view.Free(role).Covers(need) {
				b.Fatal("does not fit")
			}
		}
	})
}

// BenchmarkMemory reports the bytes that one agent takes, its offer included,
// and what the cache alone adds to the offer.
func BenchmarkMemory(b *testing.B) {
	for _, n := range sizes {
		b.Run(fmt.Sprint("size=", n), func(b *testing.B) {
			var offers []*resources.Offer
			var c *Cache
			for b.Loop() {
				offers, c = nil, nil //nolint:ineffassign // lets the last round be collected
				empty := heap()
				offers = realistic(n)
				offered := heap()
				c = filled(offers)
				full := heap()
				b.ReportMetric(float64(full-empty)/float64(n), "B/agent")
				b.ReportMetric(float64(full-offered)/float64(n), "cacheB/agent")
			}
			runtime.KeepAlive(c)
		})
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
