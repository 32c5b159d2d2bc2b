package offercache

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

func TestTakeReservesAndExpectsTheRest(t *testing.T) {
	f := subscribed(t, offer("o1", key1, amounts(4, 1024)))
	f.mustHold("pod-a", key1, amounts(1, 256))
	f.mustHold("pod-b", key1, amounts(2, 256))
	f.wantFree(key1, "cpus:1;mem:512")
	want := Departure{
		Generation: 1, Key: key1, OfferIDs: []string{"o1"},
		Reserve: []Reserve{
			{"pod-a", []resources.Portion{{Vector: amounts(1, 256)}}},
			{"pod-b", []resources.Portion{{Vector: amounts(2, 256)}}},
		},
	}
	if diff := cmp.Diff(want, f.mustTake(key1)); diff != "" {
		t.Errorf("departure (-want +got):\n%s", diff)
	}
	f.wantFree(key1, "cpus:1;mem:512")
	f.Add(1, []*resources.Offer{offer("o2", key1, amounts(1, 512))})
	f.wantFree(key1, "cpus:1;mem:512")
}

// Trap T6: an accepted offer is consumed whole. Until its rest is offered anew
// binds go on against the expected remainder, and leave when it is in hand.
func TestExpectedRemainderIsFreeButStaysHere(t *testing.T) {
	f := subscribed(t, offer("o1", key1, amounts(4, 1024)))
	f.mustHold("pod-a", key1, amounts(1, 256))
	f.mustTake(key1)
	view, _ := f.Snapshot().Agent(key1.AgentID)
	want := []RoleView{{Role: role, Free: amounts(3, 768)}}
	if diff := cmp.Diff(want, view.Roles); diff != "" {
		t.Errorf("roles with an ACCEPT in flight (-want +got):\n%s", diff)
	}
	if view.Hostname != "host-agent-1" {
		t.Errorf("hostname %q is lost while nothing is in hand", view.Hostname)
	}
	f.mustHold("pod-b", key1, amounts(3, 256))
	if d, ok := f.Take(key1); ok {
		t.Fatalf("%v leaves although nothing is in hand", d)
	}
	f.Add(1, []*resources.Offer{with(offer("o2", key1, amounts(3, 768)), pod("pod-a"), amounts(1, 256))})
	f.wantFree(key1, "mem:512")
	if d := f.mustTake(key1); len(d.Reserve) != 1 || d.Reserve[0].PodUID != "pod-b" {
		t.Errorf("departure %v, want pod-b", d)
	}
}

func TestLostRemainderDoomsThoseThatCountedOnIt(t *testing.T) {
	tests := []struct {
		name string
		lose func(fixture)
	}{
		{"it expires", func(f fixture) {
			f.clock.SetTime(f.clock.Now().Add(3 * time.Second))
			if keys := f.ExpireExpected(2 * time.Second); len(keys) != 1 || keys[0] != key1 {
				f.t.Errorf("expired keys %v, want %v", keys, key1)
			}
		}},
		{"others got most of it", func(f fixture) {
			f.Add(1, []*resources.Offer{offer("o2", key1, amounts(1, 256))})
		}},
		{"the agent fails", func(f fixture) { f.ForgetAgent(key1.AgentID) }},
		{"a new subscription", func(f fixture) { f.Reset(2) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := subscribed(t, offer("o1", key1, amounts(4, 1024)))
			f.mustHold("pod-a", key1, amounts(1, 256))
			f.mustTake(key1)
			f.mustHold("pod-b", key1, amounts(2, 256))
			f.clock.SetTime(f.clock.Now().Add(time.Second))
			if keys := f.ExpireExpected(2 * time.Second); keys != nil {
				t.Fatalf("%v expired too early", keys)
			}
			if doomed := f.Doomed(key1); len(doomed) != 0 {
				t.Fatalf("doomed %v, though the remainder is on its way", doomed)
			}
			tt.lose(f)
			if diff := cmp.Diff([]string{"pod-b"}, f.Doomed(key1)); diff != "" {
				t.Errorf("doomed (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff([]Key{key1}, f.Waiting()); diff != "" {
				t.Errorf("waiting (-want +got):\n%s", diff)
			}
		})
	}
}

// An offer settles one departure, so that the remainder of an ACCEPT that the
// master has not processed yet stays expected.
func TestOfferSettlesTheOldestRemainder(t *testing.T) {
	setUp := func(t *testing.T) fixture {
		f := subscribed(t, offer("o1", key1, amounts(4, 400)), offer("o2", key1, amounts(9, 900)))
		f.mustHold("pod-a", key1, amounts(1, 100))
		f.mustTake(key1) // leaves 3 cpus of o1
		f.mustHold("pod-b", key1, amounts(4, 400))
		f.mustTake(key1) // leaves 5 cpus of o2
		f.wantFree(key1, "cpus:8;mem:800")
		return f
	}
	t.Run("one by one", func(t *testing.T) {
		f := setUp(t)
		f.Add(1, []*resources.Offer{offer("o3", key1, amounts(3, 300))})
		f.wantFree(key1, "cpus:8;mem:800")
		f.Add(1, []*resources.Offer{offer("o4", key1, amounts(5, 500))})
		f.wantFree(key1, "cpus:8;mem:800")
		if got := f.Stats().Expected; got != 0 {
			t.Errorf("%d keys still expect something", got)
		}
	})
	t.Run("both in one", func(t *testing.T) {
		f := setUp(t)
		f.Add(1, []*resources.Offer{offer("o3", key1, amounts(8, 800))})
		f.wantFree(key1, "cpus:8;mem:800")
	})
	t.Run("the oldest went to others", func(t *testing.T) {
		f := setUp(t)
		f.Add(1, []*resources.Offer{with(offer("o3", key1, resources.Vector{}), pod("pod-a"), amounts(1, 100))})
		f.wantFree(key1, "cpus:5;mem:500")
	})
}

// left is the departure of what setDue has set first.
func left(p resources.Portion) []Unreserve {
	return []Unreserve{{"ended-0", []resources.Portion{p}}}
}

func TestTakeUnreserves(t *testing.T) {
	gone := resources.Portion{Layers: pod("gone"), Vector: amounts(2, 200)}
	t.Run("alone", func(t *testing.T) {
		f := subscribed(t, offer("o1", key1, amounts(1, 100)), with(offer("o2", key1, amounts(1, 100)), pod("gone"), amounts(2, 200)))
		want := Departure{Generation: 1, Key: key1, OfferIDs: []string{"o2"}, Unreserve: left(gone), Reserve: []Reserve{}}
		if diff := cmp.Diff(want, f.mustTake(key1, gone)); diff != "" {
			t.Errorf("departure (-want +got):\n%s", diff)
		}
		f.wantFree(key1, "cpus:4;mem:400")
	})
	t.Run("what is there of it", func(t *testing.T) {
		f := subscribed(t, with(offer("o1", key1, amounts(1, 100)), pod("gone"), amounts(1, 500)))
		want := left(resources.Portion{Layers: pod("gone"), Vector: amounts(1, 200)})
		if diff := cmp.Diff(want, f.mustTake(key1, gone).Unreserve); diff != "" {
			t.Errorf("unreserve (-want +got):\n%s", diff)
		}
	})
	t.Run("spread over offers", func(t *testing.T) {
		f := subscribed(t, with(offer("o1", key1, amounts(1, 100)), pod("gone"), amounts(1, 100)),
			with(offer("o2", key1, amounts(1, 100)), pod("gone"), amounts(1, 100)))
		d := f.mustTake(key1, gone)
		if diff := cmp.Diff(left(gone), d.Unreserve); diff != "" || len(d.OfferIDs) != 2 {
			t.Errorf("offers %v, unreserve (-want +got):\n%s", d.OfferIDs, diff)
		}
	})
	t.Run("asked twice, there once", func(t *testing.T) {
		f := subscribed(t, with(offer("o1", key1, amounts(1, 100)), pod("gone"), amounts(2, 200)))
		if diff := cmp.Diff(left(gone), f.mustTake(key1, gone, gone).Unreserve); diff != "" {
			t.Errorf("unreserve (-want +got):\n%s", diff)
		}
	})
	t.Run("nothing of others, of the agent's flags or unreserved", func(t *testing.T) {
		static := []resources.Layer{{Role: "k8s"}}
		f := subscribed(t, with(offer("o1", key1, amounts(1, 100)), static, amounts(2, 200)))
		for _, p := range []resources.Portion{gone, {Layers: static, Vector: amounts(2, 200)}, {Vector: amounts(1, 100)}} {
			f.setDue(key1, p)
			if d, ok := f.Take(key1); ok {
				t.Errorf("unreserve of %v gives %v", p, d)
			}
		}
	})
}

// A pod that ended hands its resources to the next one within one ACCEPT, so
// that no other framework can slip in between.
func TestTakeHandsOver(t *testing.T) {
	static := resources.Layer{Role: "k8s"}
	ended := []resources.Layer{static, pod("ended")[0]}
	f := subscribed(t, offer("o1", key1, amounts(2, 200)))
	f.mustHold("pod-a", key1, amounts(2, 200))
	f.Rescind(1, "o1")
	f.Add(1, []*resources.Offer{with(offer("o2", key1, resources.Vector{}), ended, amounts(3, 300))})
	d := f.mustTake(key1, resources.Portion{Layers: ended, Vector: amounts(3, 300)})
	want := Departure{
		Generation: 1, Key: key1, OfferIDs: []string{"o2"},
		Unreserve:  left(resources.Portion{Layers: ended, Vector: amounts(3, 300)}),
		Reserve:    []Reserve{{"pod-a", []resources.Portion{{Layers: []resources.Layer{static}, Vector: amounts(2, 200)}}}},
		HandedOver: 1,
	}
	if diff := cmp.Diff(want, d); diff != "" {
		t.Errorf("departure (-want +got):\n%s", diff)
	}
	f.wantFree(key1, "cpus:1;mem:100")
}

// A large pod that waits for its offers is passed over only so often.
func TestSmallPodsCannotStarveALargeOne(t *testing.T) {
	f := subscribed(t, offer("o1", key1, amounts(100, 0)))
	small := []string{"a", "b", "c", "d"}
	for _, uid := range small {
		f.Add(1, []*resources.Offer{offer("small-"+uid, key1, amounts(1, 0))})
	}
	f.mustHold("first", key1, amounts(2, 0))
	f.mustTake(key1) // 98 cpus are expected
	f.mustHold("large", key1, amounts(90, 0))
	for i, uid := range small {
		f.mustHold(uid, key1, amounts(1, 0))
		d, ok := f.Take(key1)
		if wantOK := i < patience; ok != wantOK {
			t.Fatalf("small pod %d leaves: %v (%v), want %v", i+1, ok, d, wantOK)
		}
	}
	f.Add(1, []*resources.Offer{offer("o2", key1, amounts(98, 0))})
	if got := f.mustTake(key1).Reserve; len(got) != 2 || got[0].PodUID != "large" {
		t.Errorf("%v leave, want large and then d", got)
	}
}

// One that nothing can help any more holds nobody up.
func TestDoomedHoldDoesNotBlock(t *testing.T) {
	f := subscribed(t, offer("o1", key1, amounts(90, 0)))
	f.mustHold("large", key1, amounts(90, 0))
	f.Rescind(1, "o1")
	f.Add(1, []*resources.Offer{offer("o2", key1, amounts(91, 0))})
	for i := range 2 * patience {
		id := string(rune('a' + i))
		f.mustHold(id, key1, amounts(1, 0))
		f.Rescind(1, "o2")
		f.Add(1, []*resources.Offer{offer(id, key1, amounts(1, 0))})
		if d := f.mustTake(key1); d.Reserve[0].PodUID != id {
			t.Fatalf("%v leave, want %s", d.Reserve, id)
		}
		f.Add(1, []*resources.Offer{offer("o2", key1, amounts(91, 0))})
	}
}

// Those that came before a hold do not pass it over by leaving.
func TestPassedOverOnlyByLaterHolds(t *testing.T) {
	before := &hold{arrival: 1, need: amounts(1, 0)}
	large := &hold{arrival: 2, need: amounts(9, 0)}
	after := &hold{arrival: 3, need: amounts(1, 0)}
	s := &slot{waiting: []*hold{before, large, after}, remainders: []remainder{{usable: amounts(20, 0)}}}
	if got := s.next(amounts(1, 0)); len(got) != 1 || got[0] != before || large.passed != 0 {
		t.Errorf("%v leave, large was passed over %d times; want the first alone and 0", got, large.passed)
	}
	if got := s.next(amounts(2, 0)); len(got) != 2 || large.passed != 1 {
		t.Errorf("%v leave, large was passed over %d times; want two and 1", got, large.passed)
	}
}
