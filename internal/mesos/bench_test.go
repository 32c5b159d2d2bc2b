package mesos

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/mesos/mesos-go/api/v1/lib/scheduler"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

var sizes = []int{100, 1000, 5000, 100_000}

// BenchmarkOffers takes an OFFERS event off the stream, up to the handler; time
// is per event.
func BenchmarkOffers(b *testing.B) {
	for _, n := range sizes {
		b.Run(fmt.Sprint("size=", n), func(b *testing.B) {
			event := encoded(b, &scheduler.Event{Type: scheduler.Event_OFFERS, Offers: manyOffers(b, n)})
			record := append(fmt.Appendf(nil, "%d\n", len(event)), event...)
			d, handler := receiver(b, nil)
			b.SetBytes(int64(len(record)))
			b.ReportAllocs()
			for b.Loop() {
				handler.offers = handler.offers[:0]
				records := newFrames(bytes.NewReader(record))
				size, err := records.next()
				if err == nil {
					err = d.event(records, size)
				}
				if err != nil || len(handler.offers) != n {
					b.Fatalf("%d offers, %v", len(handler.offers), err)
				}
			}
		})
	}
}

// BenchmarkReserved decodes offers of agents on which so many pods have a
// reservation each, in turn 16 of them; time is per offer.
func BenchmarkReserved(b *testing.B) {
	for _, pods := range []int{10, 100} {
		b.Run(fmt.Sprint("pods=", pods), func(b *testing.B) {
			var offers [16][]byte
			for i := range offers {
				offers[i] = encoded(b, &reservedOffers(b, i, pods).Offers[0])
			}
			d, next := newOfferDecoder(), 0
			b.ReportAllocs()
			for b.Loop() {
				next++
				if offer, err := d.decode(offers[next%len(offers)]); err != nil || len(offer.Portions) != pods {
					b.Fatalf("%+v, %v", offer, err)
				}
			}
		})
	}
}

// reservedOffers is one offer of an agent all of which is reserved for pods.
func reservedOffers(tb testing.TB, agent, pods int) *scheduler.Event_Offers {
	list := manyOffers(tb, 1)
	list.Offers[0].Resources = nil
	for i := range pods {
		label := func(key, value string) resources.Label {
			return resources.Label{Key: "kube-mesos-extender.io/" + key, Value: value}
		}
		top := resources.Layer{Dynamic: true, Role: "k8s/pods", Principal: "extender", Labels: []resources.Label{
			label("cluster", "cluster"), label("namespace", "default"), label("pod", fmt.Sprintf("pod-%d-%d", agent, i)),
			label("pod-uid", fmt.Sprintf("6f3b2f6e-9d54-4c8e-8e0a-%04d%08d", agent, i)), label("reserved-at", "2026-01-01T00:00:00Z"),
		}}
		amount := resources.Scalar(resources.CPUs, 100).Add(resources.Scalar(resources.Mem, 128_000))
		list.Offers[0].Resources = append(list.Offers[0].Resources,
			encodePortions([]resources.Portion{{Layers: []resources.Layer{top}, Vector: amount}}, "k8s/pods")...)
	}
	return list
}

// BenchmarkOffersByMesosGo is what mesos-go alone takes for the same event.
func BenchmarkOffersByMesosGo(b *testing.B) {
	for _, n := range sizes {
		b.Run(fmt.Sprint("size=", n), func(b *testing.B) {
			data := encoded(b, &scheduler.Event{Type: scheduler.Event_OFFERS, Offers: manyOffers(b, n)})
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				var event scheduler.Event
				if err := event.Unmarshal(data); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkAgents reads the master's list of agents.
func BenchmarkAgents(b *testing.B) {
	for _, n := range sizes {
		b.Run(fmt.Sprint("size=", n), func(b *testing.B) {
			data := answerOf(b, listOf(n))
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				if agents, err := readAgents(selectCodec(false), bytes.NewReader(data)); err != nil || len(agents) != n+1 {
					b.Fatalf("%d agents, %v", len(agents), err)
				}
			}
		})
	}
}
