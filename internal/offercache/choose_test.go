package offercache

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

// Trap T5: one stale offer fails the whole ACCEPT.
func TestTakeUsesTheFewestOffers(t *testing.T) {
	tests := []struct {
		name   string
		offers []resources.Vector // o0, o1 …
		needs  []resources.Vector
		want   []string
	}{
		{"one that covers all", []resources.Vector{amounts(1, 100), amounts(1, 100), amounts(4, 400)},
			[]resources.Vector{amounts(1, 100), amounts(1, 100)}, []string{"o2"}},
		{"the smallest of those", []resources.Vector{amounts(9, 900), amounts(2, 200), amounts(4, 400)},
			[]resources.Vector{amounts(2, 200)}, []string{"o1"}},
		{"two instead of three", []resources.Vector{amounts(1, 100), amounts(2, 200), amounts(3, 300)},
			[]resources.Vector{amounts(5, 500)}, []string{"o1", "o2"}},
		{"one that has the port", []resources.Vector{amounts(4, 400), amounts(9, 900).Add(ports(80, 80))},
			[]resources.Vector{amounts(1, 100).Add(ports(80, 80))}, []string{"o1"}},
		{"each for another resource", []resources.Vector{amounts(9, 0), amounts(0, 900), amounts(1, 1)},
			[]resources.Vector{amounts(5, 500)}, []string{"o0", "o1"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := subscribed(t)
			for i, v := range tt.offers {
				f.Add(1, []*resources.Offer{offer(fmt.Sprint("o", i), key1, v)})
			}
			for i, need := range tt.needs {
				f.mustHold(fmt.Sprint("pod-", i), key1, need)
			}
			d := f.mustTake(key1)
			slices.Sort(d.OfferIDs)
			if diff := cmp.Diff(tt.want, d.OfferIDs); diff != "" {
				t.Errorf("offers (-want +got):\n%s", diff)
			}
			if len(d.Reserve) != len(tt.needs) {
				t.Errorf("%d pods leave, want %d", len(d.Reserve), len(tt.needs))
			}
		})
	}
}

// The offers that hold what is unreserved leave anyway: they are used first,
// and so is what the unreserve frees.
func TestTakeNeedsNoOfferBesideTheUnreserved(t *testing.T) {
	gone := resources.Portion{Layers: pod("gone"), Vector: amounts(2, 200)}
	tests := []struct {
		name   string
		beside resources.Vector // usable in the offer that has gone's resources
	}{
		{"what stands beside is enough", amounts(3, 300)},
		{"what is freed is enough", resources.Vector{}},
		{"both together are enough", amounts(1, 100)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := subscribed(t, offer("o1", key1, amounts(9, 900)), with(offer("o2", key1, tt.beside), pod("gone"), amounts(2, 200)))
			need := tt.beside
			if need.IsZero() {
				need = gone.Vector
			}
			f.mustHold("pod-a", key1, need)
			d := f.mustTake(key1, gone)
			if diff := cmp.Diff([]string{"o2"}, d.OfferIDs); diff != "" || len(d.Reserve) != 1 {
				t.Errorf("%v leave on offers (-want +got):\n%s", d.Reserve, diff)
			}
		})
	}
}

// Amounts of one stack are one portion, from however many offers they come.
func TestTakeMergesOffers(t *testing.T) {
	f := subscribed(t, offer("o1", key1, amounts(2, 200)), offer("o2", key1, amounts(2, 200)))
	f.mustHold("pod-a", key1, amounts(3, 300))
	want := []Reserve{{"pod-a", []resources.Portion{{Vector: amounts(3, 300)}}}}
	if diff := cmp.Diff(want, f.mustTake(key1).Reserve); diff != "" {
		t.Errorf("reserve (-want +got):\n%s", diff)
	}
}

func randomHeld(rng *rand.Rand, n int) []*held {
	offers := make([]*held, n)
	for i := range offers {
		offers[i] = &held{usable: amounts(rng.Int64N(8), rng.Int64N(8))}
	}
	slices.SortStableFunc(offers, func(a, b *held) int { return bySize(a.usable, b.usable) })
	return offers
}

func total(offers []*held) resources.Vector {
	var v resources.Vector
	for _, h := range offers {
		v = v.Add(h.usable)
	}
	return v
}

// Many offers are chosen greedily: all the need, no offer that could be spared,
// and one alone where one is enough.
func TestGreedyChoice(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	worse := 0
	for range 3000 {
		offers := randomHeld(rng, 2+rng.IntN(8))
		need := total(offers).Min(amounts(rng.Int64N(30), rng.Int64N(30)))
		if need.IsZero() {
			continue
		}
		chosen, best := greedy(offers, need), exact(offers, need)
		if !total(chosen).Covers(need) || !total(best).Covers(need) {
			t.Fatalf("greedy %v or exact %v does not cover %v", total(chosen), total(best), need)
		}
		for i := range chosen {
			if total(slices.Delete(slices.Clone(chosen), i, i+1)).Covers(need) {
				t.Fatalf("of %d offers one could be spared for %v", len(chosen), need)
			}
		}
		if len(best) > len(chosen) || len(best) == 1 && len(chosen) > 1 {
			t.Fatalf("greedy takes %d offers, exact %d", len(chosen), len(best))
		}
		if len(chosen) > len(best) {
			worse++
		}
	}
	t.Logf("greedy took more than the fewest offers in %d of 3000 cases", worse)
}

func TestTakeFromManyOffers(t *testing.T) {
	f := subscribed(t)
	for i := range 3 * maxExact {
		f.Add(1, []*resources.Offer{offer(fmt.Sprint("o", i), key1, amounts(1, 100))})
	}
	f.mustHold("pod-a", key1, amounts(7, 50))
	if d := f.mustTake(key1); len(d.OfferIDs) != 7 {
		t.Errorf("%d offers leave, want 7", len(d.OfferIDs))
	}
}
