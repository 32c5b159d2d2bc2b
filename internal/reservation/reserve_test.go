package reservation

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/mesos"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/offercache"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

func TestReservationFromHoldToRelease(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		h.offer(offerOf("o1", agent1, unreserved(amounts(4, 4096))))
		a := h.reserve("p1", agent1, amounts(1, 512))
		want := mesos.Accept{Generation: generation, OfferIDs: []string{"o1"}, Operations: []mesos.Operation{{
			ID: h.operation(1, 0).ID, Type: mesos.Reserve, Role: testRole,
			Portions: []resources.Portion{{
				Layers: []resources.Layer{{Dynamic: true, Role: testRole, Principal: testPrincipal, Labels: []resources.Label{
					{Key: "kube-mesos-extender.io/cluster", Value: testCluster},
					{Key: "kube-mesos-extender.io/namespace", Value: "default"},
					{Key: "kube-mesos-extender.io/pod", Value: "pod-p1"},
					{Key: "kube-mesos-extender.io/pod-uid", Value: "p1"},
					{Key: "kube-mesos-extender.io/reserved-at", Value: "2000-01-01T00:00:02Z"},
				}}},
				Vector: amounts(1, 512),
			}},
		}}}
		if diff := cmp.Diff(want, h.accepts(1)[0]); diff != "" {
			t.Fatalf("ACCEPT (-want +got):\n%s", diff)
		}
		h.pending(a)
		h.wantState("p1", agent1, Reserving)

		h.finish(h.operation(1, 0))
		h.mustReserve(a)
		h.wantState("p1", agent1, Reserved)
		if !h.Holds("p1") || h.Holds("p2") {
			t.Error("it is p1, and nobody else, that holds a reservation")
		}
		if got := h.On(agent1.AgentID, testRole); len(got) != 1 || got[0].UID != "p1" || !got[0].Reserved.Equal(amounts(1, 512)) {
			t.Errorf("occupants are %+v, want p1 with its amounts", got)
		}
		h.Settle(a.req, PodBound)
		h.wantState("p1", agent1, Bound)

		h.Release("p1", "deleted")
		h.wantState("p1", agent1, Releasing)
		if h.Wanting()[testRole] != 1 {
			t.Errorf("Wanting() = %v, want one release that waits for an offer", h.Wanting())
		}
		h.accepts(1)
		h.offer(offerOf("o2", agent1, unreserved(amounts(3, 3584)), reservedFor("p1", amounts(1, 512))))
		op := h.operation(2, 0)
		if op.Type != mesos.Unreserve || op.ID == "" || !cmp.Equal(op.Portions, []resources.Portion{reservedFor("p1", amounts(1, 512))}) {
			t.Fatalf("second ACCEPT carries %+v, want p1's UNRESERVE", op)
		}
		h.finish(op)
		h.wantQuiet()
		if got := h.On(agent1.AgentID, testRole); got != nil {
			t.Errorf("occupants after the release: %+v", got)
		}
	})
}

func TestHoldsOfOneAgentLeaveTogether(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		h.offer(offerOf("o1", agent1, unreserved(amounts(4, 4096))))
		first := h.reserve("p1", agent1, amounts(1, 512))
		// The rest of o1 comes back later: three binds gather meanwhile.
		var gathered []*attempt
		for _, uid := range []string{"p2", "p3", "p4"} {
			gathered = append(gathered, h.reserve(uid, agent1, amounts(1, 512)))
		}
		h.accepts(1)
		h.finish(h.operation(1, 0))
		h.mustReserve(first)
		h.offer(offerOf("o2", agent1, unreserved(amounts(3, 3584)), reservedFor("p1", amounts(1, 512))))
		h.reserves(h.operation(2, 0), "p2", "p3", "p4")
		h.finish(h.operation(2, 0))
		for _, a := range gathered {
			h.mustReserve(a)
		}
	})
}

func TestBindThatWaitsForTheRestOfAnOfferHurriesItsRole(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		const late = 50 * time.Millisecond
		h.master.answersAfter(late)
		h.offer(offerOf("o1", agent1, unreserved(amounts(4, 4096))))
		h.reserve("p1", agent1, amounts(1, 512))
		h.reserve("p2", agent1, amounts(1, 512))
		if len(h.hurried) != 0 {
			t.Fatal("hurried before the ACCEPT had arrived")
		}
		time.Sleep(late)
		synctest.Wait()
		if len(h.hurried) != 1 || <-h.hurried != testRole {
			t.Fatal("not hurried although p2 waits for the rest of the offer")
		}
	})
}

// A released pod's resources go to the next one in the same ACCEPT, UNRESERVE
// first, so that no other framework can slip in between.
func TestHandOverPutsUnreserveBeforeReserve(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		h.offer(offerOf("o1", agent1, unreserved(amounts(2, 1024))))
		h.bound(1, "old", amounts(2, 1024))
		h.Release("old", "deleted")
		// One cpu is free now, and two once old's are.
		h.offer(offerOf("o2", agent1, unreserved(amounts(1, 1024))))
		a := h.reserve("new", agent1, amounts(1, 1024))
		h.finish(h.operation(2, 0))
		h.mustReserve(a)
		h.offer(offerOf("o3", agent1, reservedFor("old", amounts(2, 1024)), reservedFor("new", amounts(1, 1024))))
		ops := h.accepts(3)[2].Operations
		if len(ops) != 1 || ops[0].Type != mesos.Unreserve {
			t.Fatalf("third ACCEPT has %+v, want old's UNRESERVE alone", ops)
		}
	})
}

func TestUnreserveAndReserveShareAnAccept(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		h.offer(offerOf("o1", agent1, unreserved(amounts(4, 1024))))
		h.bound(1, "old", amounts(1, 256))
		// new waits for the rest of o1, and old ends before that is back.
		a := h.reserve("new", agent1, amounts(3, 768))
		h.Release("old", "deleted")
		h.offer(offerOf("o2", agent1, unreserved(amounts(3, 768)), reservedFor("old", amounts(1, 256))))
		ops := h.accepts(2)[1].Operations
		if len(ops) != 2 || ops[0].Type != mesos.Unreserve || ops[1].Type != mesos.Reserve {
			t.Fatalf("second ACCEPT has %+v, want UNRESERVE, then RESERVE", ops)
		}
		h.finish(ops[0])
		h.finish(ops[1])
		h.mustReserve(a)
		h.wantState("old", agent1, 0)
	})
}

func TestScenario1RescindedOfferFailsTheBindAtOnce(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		h.offer(offerOf("o1", agent1, unreserved(amounts(4, 1024))))
		first := h.reserve("p1", agent1, amounts(1, 256))
		h.finish(h.operation(1, 0))
		h.mustReserve(first)
		second := h.reserve("p2", agent1, amounts(1, 256))        // waits for the rest
		h.offer(offerOf("o2", agent1, unreserved(amounts(1, 1)))) // not all of it
		h.rescind("o2")
		h.mustFail(second, ErrWithdrawn)
		h.wantState("p2", agent1, 0)

		// Another offer of the agent that covers the bind is used instead.
		h.offer(offerOf("o3", agent1, unreserved(amounts(1, 256))), offerOf("o4", agent1, unreserved(amounts(1, 1))))
		h.rescind("o4")
		third := h.reserve("p2", agent1, amounts(1, 256))
		h.finish(h.operation(2, 0))
		h.mustReserve(third)
	})
}

// The rest of an accepted offer may be given to another role first, and comes
// back when that role declines it.
func TestBindWaitsForARestThatWentElsewhereFirst(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		h.offer(offerOf("o1", agent1, unreserved(amounts(4, 1024))))
		first := h.reserve("p1", agent1, amounts(1, 256))
		h.finish(h.operation(1, 0))
		h.mustReserve(first)
		second, third := h.reserve("p2", agent1, amounts(1, 256)), h.reserve("p3", agent1, amounts(2, 256))
		h.offer(offerOf("o2", agent1, unreserved(amounts(1, 1)))) // the rest is with somebody else
		time.Sleep(h.opts.RemainderWait / 2)
		h.pending(second)
		h.offer(offerOf("o3", agent1, unreserved(amounts(1, 256)))) // part of it comes back
		h.finish(h.operation(2, 0))
		h.mustReserve(second)
		time.Sleep(h.opts.RemainderWait + time.Second)
		h.mustFail(third, ErrWithdrawn)
	})
}

func TestScenario2RescindBeforeItsOffer(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		h.rescind("o1")
		h.offer(offerOf("o1", agent1, unreserved(amounts(4, 1024))))
		short := (*offercache.ShortError)(nil)
		if err := h.ended(h.reserve("p1", agent1, amounts(1, 256))); !errors.As(err, &short) {
			t.Fatalf("Reserve on a rescinded offer ended with %v, want a ShortError", err)
		}
		h.wantQuiet()
	})
}

func TestScenario3RescindAfterAcceptChangesNothing(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		h.offer(offerOf("o1", agent1, unreserved(amounts(4, 1024))))
		a := h.reserve("p1", agent1, amounts(1, 256))
		h.rescind("o1")
		h.pending(a)
		h.finish(h.operation(1, 0))
		h.mustReserve(a)
	})
}

func TestScenario4StaleOfferIsRetriedOnNewOffers(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		h.offer(offerOf("o1", agent1, unreserved(amounts(1, 512))), offerOf("o2", agent1, unreserved(amounts(1, 512))))
		a := h.reserve("p1", agent1, amounts(2, 1024))
		if got := h.accepts(1)[0].OfferIDs; !slices.Equal(got, []string{"o1", "o2"}) {
			t.Fatalf("accepted %v, want both offers", got)
		}
		h.status(h.operation(1, 0), mesos.OperationError, "")
		h.mustFail(a, ErrNotReserved)
		h.wantQuiet()
		if s := h.cache.Stats(); s.Offers != 0 {
			t.Errorf("%d offers in hand after a failed ACCEPT, want them spent", s.Offers)
		}
		h.offer(offerOf("o3", agent1, unreserved(amounts(2, 1024))))
		again := h.reserve("p1", agent1, amounts(2, 1024))
		h.finish(h.operation(2, 0))
		h.mustReserve(again)
	})
}

func TestScenario5TwoBindsRaceForOneOffer(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		h.offer(offerOf("o1", agent1, unreserved(amounts(3, 1024))))
		winner := h.reserve("p1", agent1, amounts(2, 512))
		loser := h.reserve("p2", agent1, amounts(2, 512))
		short := (*offercache.ShortError)(nil)
		if err := h.ended(loser); !errors.As(err, &short) || short.Resource != resources.CPUs {
			t.Fatalf("the second bind ended with %v, want short of cpus at once", err)
		}
		rest := h.reserve("p3", agent1, amounts(1, 512))
		h.finish(h.operation(1, 0))
		h.mustReserve(winner)
		h.pending(rest)
		h.offer(offerOf("o2", agent1, unreserved(amounts(1, 512)), reservedFor("p1", amounts(2, 512))))
		h.finish(h.operation(2, 0))
		h.mustReserve(rest)
	})
}

func TestRemainderThatNeverReturnsFailsTheBind(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		h.offer(offerOf("o1", agent1, unreserved(amounts(3, 1024))))
		h.reserve("p1", agent1, amounts(1, 512))
		a := h.reserve("p2", agent1, amounts(1, 512))
		time.Sleep(testOptions.RemainderWait)
		h.pending(a)
		time.Sleep(2 * tick)
		h.mustFail(a, ErrWithdrawn)
	})
}

func TestDisconnectFailsWhatWaits(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		h.offer(offerOf("o1", agent1, unreserved(amounts(3, 1024))))
		sent := h.reserve("p1", agent1, amounts(1, 512))
		waiting := h.reserve("p2", agent1, amounts(1, 512))
		h.cache.Reset(0)
		h.Connection(false)
		h.mustFail(waiting, ErrWithdrawn)
		h.pending(sent) // its RESERVE may have arrived
	})
}

func TestAcceptThatDidNotArrive(t *testing.T) {
	tests := map[string]struct {
		err      error
		decided  bool // the bind fails at once
		declined bool // the offers go back
	}{
		"the subscription is over": {mesos.ErrDisconnected, true, false},
		"refused before the wire":  {mesos.ErrDeadly, true, true},
		"no answer":                {errDown, false, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			inHouse(t, func(t *testing.T, h *house) {
				var declineErr error
				if errors.Is(tt.err, mesos.ErrDisconnected) {
					declineErr = tt.err
				}
				h.master.answers(tt.err, declineErr)
				h.offer(offerOf("o1", agent1, unreserved(amounts(3, 1024))))
				a := h.reserve("p1", agent1, amounts(1, 512))
				if tt.decided {
					h.mustFail(a, ErrNotReserved)
					h.wantQuiet()
				} else {
					h.pending(a)
				}
				declined := len(h.master.declines()) == 1 && slices.Equal(h.master.declines()[0], []string{"o1"})
				if declined != tt.declined && declineErr == nil {
					t.Errorf("declined %v, want the offer back: %v", h.master.declines(), tt.declined)
				}
			})
		})
	}
}

func TestOffersOfALostAcceptAreDeclinedUntilItWorks(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		h.master.answers(errDown, errDown)
		h.offer(offerOf("o1", agent1, unreserved(amounts(3, 1024))))
		a := h.reserve("p1", agent1, amounts(1, 512))
		time.Sleep(10 * auditRetry)
		synctest.Wait()
		if got := len(h.master.declines()); got != giveBackAttempts {
			t.Errorf("%d DECLINEs, want %d", got, giveBackAttempts)
		}
		// The ACCEPT was lost: the master knows nothing, nothing is listed.
		h.status(h.operation(1, 0), mesos.OperationUnknown, "")
		time.Sleep(2 * auditPause)
		h.mustFail(a, ErrNotReserved)
		h.wantQuiet()
	})
}
