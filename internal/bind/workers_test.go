package bind

import (
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// More binds than goroutines are kept for run side by side.
func TestBindsDoNotWaitForEachOther(t *testing.T) {
	atDesk(t, func(t *testing.T, d *desk) {
		const many = 2 * maxIdle
		for range 2 {
			d.reserver.hold = make(chan struct{})
			var results []<-chan error
			for i := range many {
				uid := fmt.Sprint("u", i)
				pod := podNamed(uid, func(p *corev1.Pod) { p.UID = types.UID(uid) })
				d.pods.cached = pod
				results = append(results, d.start(t.Context(), Target{Namespace: "default", Name: "web", UID: uid, Node: "node-1"}))
			}
			if len(d.flights) != many {
				t.Fatalf("%d binds in flight, want %d side by side", len(d.flights), many)
			}
			close(d.reserver.hold)
			for _, result := range results {
				if err := <-result; err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}

// A worker that is left would have the bubble panic at the end.
func TestDrainEndsTheWorkers(t *testing.T) {
	atDesk(t, func(t *testing.T, d *desk) {
		if err := d.Bind(t.Context(), target); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			d.Drain()
		}
	})
}
