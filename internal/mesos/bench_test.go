package mesos

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/mesos/mesos-go/api/v1/lib/scheduler"
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
