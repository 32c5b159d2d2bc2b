package reservation

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/mesos"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/offercache"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

// released brings the reservation back in an offer and lets its UNRESERVE, the
// n-th ACCEPT, finish.
func (h *house) released(n int, uid string, key offercache.Key, v resources.Vector) {
	h.t.Helper()
	h.wantState(uid, key, Releasing)
	h.offer(offerOf("release-"+uid, key, reservedFor(uid, v)))
	op := h.operation(n, 0)
	if op.Type != mesos.Unreserve {
		h.t.Fatalf("ACCEPT %d has %+v, want an UNRESERVE", n, op)
	}
	h.finish(op)
	h.wantState(uid, key, 0)
}

// While the RESERVE on the first agent is still open the hold on the second
// must survive whatever becomes of it.
func TestScenario19PodDeletedWhileReserveIsInFlight(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		need := amounts(1, 512)
		h.offer(offerOf("o1", agent1, unreserved(need)))
		a := h.reserve("p1", agent1, need)
		h.Release("p1", "the pod was deleted")
		h.mustFail(a, ErrReleased) // so that no Binding is posted
		h.wantState("p1", agent1, Reserving)
		h.finish(h.operation(1, 0))
		h.released(2, "p1", agent1, need)
		h.wantQuiet()
	})
}

func TestScenario20SameNameUnderANewUID(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		need := amounts(1, 512)
		h.offer(offerOf("o1", agent1, unreserved(amounts(2, 1024))))
		h.bound(1, "old", need)
		h.Release("old", "the pod was deleted")
		again := Pod{Namespace: "default", Name: podOf("old").Name, UID: "new"}
		done := make(chan error, 1)
		go func() { _, err := h.Reserve(h.life, Request{Pod: again, Key: agent1, Need: need}); done <- err }()
		synctest.Wait()
		h.offer(offerOf("o2", agent1, unreserved(need), reservedFor("old", need)))
		ops := h.accepts(2)[1].Operations
		if len(ops) != 2 {
			t.Fatalf("second ACCEPT has %+v, want UNRESERVE and RESERVE", ops)
		}
		if old, fresh := ops[0].Portions[0], ops[1].Portions[0]; old.SameStack(fresh) {
			t.Error("both reservations have the same labels: Mesos would merge them")
		}
		h.finish(ops[0])
		h.finish(ops[1])
		synctest.Wait()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		h.wantState("old", agent1, 0)
		h.wantState("new", agent1, Reserved)
	})
}

func TestScenario21EndedPodIsReleased(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		h.offer(offerOf("o1", agent1, unreserved(amounts(1, 512))))
		h.bound(1, "p1", amounts(1, 512))
		h.Release("p1", "the pod has ended")
		h.Release("p1", "the pod was deleted") // comes later, changes nothing
		h.released(2, "p1", agent1, amounts(1, 512))
		h.Release("p1", "the pod was deleted")
		h.wantQuiet()
	})
}

func TestScenario14RefusedBindingReleases(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		h.offer(offerOf("o1", agent1, unreserved(amounts(1, 512))))
		a := h.reserve("p1", agent1, amounts(1, 512))
		h.finish(h.operation(1, 0))
		h.mustReserve(a)
		h.Settle(a.req, PodRefused)
		h.released(2, "p1", agent1, amounts(1, 512))
		h.Settle(a.req, PodRefused) // of a reservation that is gone
		h.wantQuiet()
	})
}

func TestScenario15UndecidedBindingIsLookedAtAfterTheGrace(t *testing.T) {
	tests := map[string]struct {
		live Liveness
		want State
	}{
		"bound after all": {Liveness{Alive: true, Bound: true, AgentID: agent1.AgentID}, Bound},
		"never bound":     {Liveness{Alive: true}, Releasing},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			inHouse(t, func(t *testing.T, h *house) {
				h.offer(offerOf("o1", agent1, unreserved(amounts(1, 512))))
				a := h.reserve("p1", agent1, amounts(1, 512))
				h.operator.lists(agentOf(agent1, reservedFor("p1", amounts(1, 512))))
				h.finish(h.operation(1, 0))
				h.mustReserve(a)
				h.pods.set("p1", Liveness{Alive: true})
				h.Settle(a.req, Undecided)
				time.Sleep(testOptions.UnboundGrace - tick)
				h.wantState("p1", agent1, Reserved)
				h.pods.set("p1", tt.live)
				time.Sleep(2*tick + settleRetry)
				h.wantState("p1", agent1, tt.want)
			})
		})
	}
}

func TestReservationIsNotReleasedWhileABindRuns(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		h.offer(offerOf("o1", agent1, unreserved(amounts(1, 512))))
		h.operator.lists(agentOf(agent1, reservedFor("p1", amounts(1, 512))))
		a := h.reserve("p1", agent1, amounts(1, 512))
		h.finish(h.operation(1, 0))
		h.mustReserve(a)
		time.Sleep(2 * testOptions.UnboundGrace) // the Binding hangs
		h.wantState("p1", agent1, Reserved)
	})
}

func TestGrownRequestIsNotServedByTheOldReservation(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		h.offer(offerOf("o1", agent1, unreserved(amounts(1, 512))))
		a := h.reserve("p1", agent1, amounts(1, 512))
		h.finish(h.operation(1, 0))
		h.mustReserve(a)
		h.operator.lists(agentOf(agent1, reservedFor("p1", amounts(1, 512))))
		h.pods.set("p1", Liveness{Alive: true})
		h.Settle(a.req, Undecided)
		h.mustFail(h.reserve("p1", agent1, amounts(2, 512)), ErrNotReserved)
		h.wantState("p1", agent1, Reserved) // the Binding may have been stored
		time.Sleep(testOptions.UnboundGrace + settleRetry + tick)
		h.released(2, "p1", agent1, amounts(1, 512))
	})
}

func TestScenario27RefusedUnreserveBacksOff(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		need := amounts(1, 512)
		h.offer(offerOf("o1", agent1, unreserved(need)))
		h.bound(1, "p1", need)
		h.operator.lists(agentOf(agent1, reservedFor("p1", need)))
		h.operator.refuses(errors.New("forbidden"))
		h.Release("p1", "deleted")
		refuse := func(n int) {
			h.offer(offerOf("again"+string(rune('a'+n)), agent1, reservedFor("p1", need)))
			h.status(h.operation(n, 0), mesos.OperationError, "")
		}
		refuse(2)
		if len(h.Wanting()) != 0 {
			t.Errorf("Wanting() = %v right after a refusal: it would revive the role for nothing", h.Wanting())
		}
		h.offer(offerOf("o3", agent1, reservedFor("p1", need)))
		h.accepts(2) // not at once
		time.Sleep(time.Second + 2*tick)
		h.status(h.operation(3, 0), mesos.OperationError, "")
		h.offer(offerOf("o4", agent1, reservedFor("p1", need)))
		time.Sleep(time.Second + 2*tick)
		h.accepts(3)
		time.Sleep(time.Second)
		h.status(h.operation(4, 0), mesos.OperationError, "")

		// Ten minutes of refusals: about one call a minute on either way.
		for range 600 {
			h.offer(offerOf("tick"+time.Now().String(), agent1, reservedFor("p1", need)))
			h.status(h.operation(h.master.sent(), 0), mesos.OperationError, "")
			time.Sleep(time.Second)
		}
		h.wantState("p1", agent1, Releasing)
		if n := h.master.sent(); n > 20 {
			t.Errorf("%d ACCEPTs in ten minutes of refusals", n)
		}
		if n := len(h.operator.undone()); n > 45 {
			t.Errorf("%d operator calls in ten minutes of refusals", n)
		}
		if h.operator.readings() > 80 {
			t.Errorf("agent list read %d times in ten minutes of refusals", h.operator.readings())
		}
	})
}

func TestScenario47LeftoverThatIsNeverOffered(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		tiny := amounts(0, 1)
		h.offer(offerOf("o1", agent1, unreserved(tiny)))
		h.bound(1, "p1", tiny)
		h.operator.lists(agentOf(agent1, reservedFor("p1", tiny)), agentOf(agent2))
		h.Release("p1", "deleted")
		time.Sleep(testOptions.OperatorAfter - tick)
		if len(h.operator.undone()) != 0 {
			t.Fatal("operator API used before its time")
		}
		h.operator.lists(agentOf(agent1), agentOf(agent2)) // what it will have done
		time.Sleep(3 * tick)
		synctest.Wait()
		if diff := cmp.Diff([]resources.Portion{reservedFor("p1", tiny)}, h.operator.undone()); diff != "" {
			t.Fatalf("unreserved by the operator API (-want +got):\n%s", diff)
		}
		h.wantState("p1", agent1, Releasing) // until two audits have shown it
		time.Sleep(3 * auditPause)
		h.wantQuiet()
		if len(h.operator.undone()) != 1 {
			t.Errorf("%d operator calls, want one", len(h.operator.undone()))
		}
	})
}

func TestOperatorUnreserveThatDidNothingIsRepeated(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		tiny := amounts(0, 1)
		h.offer(offerOf("o1", agent1, unreserved(tiny)))
		h.bound(1, "p1", tiny)
		h.operator.lists(agentOf(agent1, reservedFor("p1", tiny)), agentOf(agent2))
		h.Release("p1", "deleted")
		time.Sleep(3*testOptions.OperatorAfter + 10*time.Second)
		synctest.Wait()
		if n := len(h.operator.undone()); n < 2 || n > 3 {
			t.Errorf("%d operator calls in three intervals, want one each", n)
		}
		// Should an offer come after all, it is used.
		h.offer(offerOf("o2", agent1, reservedFor("p1", tiny)))
		time.Sleep(testOptions.OperatorAfter)
		if len(h.accepts(2)[1].Operations) != 1 {
			t.Error("the offer was not used")
		}
	})
}

func TestNoteBoundWhileTheBindStillPosts(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		h.offer(offerOf("o1", agent1, unreserved(amounts(1, 512))))
		a := h.reserve("p1", agent1, amounts(1, 512))
		h.finish(h.operation(1, 0))
		h.mustReserve(a)
		h.NoteBound("p1", agent1.AgentID, 0)
		h.wantState("p1", agent1, Bound)
		h.Settle(a.req, PodBound)
		h.wantState("p1", agent1, Bound)
		h.NoteBound("unknown", agent1.AgentID, 0)
	})
}

func TestReserveOfNothingIsRefused(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		h.offer(offerOf("o1", agent1, unreserved(amounts(1, 512))))
		h.mustFail(h.reserve("p1", agent1, resources.Vector{}), offercache.ErrEmptyNeed)
		h.wantQuiet()
	})
}

func TestReserveWithAnEndedContext(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		h.offer(offerOf("o1", agent1, unreserved(amounts(1, 512))))
		ctx, cancel := context.WithDeadline(context.Background(), time.Now().Add(-time.Second))
		defer cancel()
		_, err := h.Reserve(ctx, Request{Pod: podOf("p1"), Key: agent1, Need: amounts(1, 512)})
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("Reserve ended with %v", err)
		}
		synctest.Wait()
		if h.state("p1", agent1) == Reserving { // it had left by then
			h.finish(h.operation(1, 0))
			h.released(2, "p1", agent1, amounts(1, 512))
		}
		h.wantQuiet()
	})
}

// The Binding on the first agent may have been stored without our knowing. A
// retry elsewhere must not cost the pod the reservation it runs on.
// kube-scheduler's timeout was shorter than the bind, and its retry overtakes
// the news that the pod is bound.
