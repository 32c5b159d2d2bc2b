package reservation

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/mesos"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

const testLinger = 3 * time.Second

// lingering starts with a pod of amounts(2, 1024), which is all that agent1
// has, that has just ended. No offer is in hand.
func lingering(t *testing.T, linger time.Duration, test func(*testing.T, *house)) {
	inHouse(t, func(t *testing.T, h *house) {
		h.opts.Linger = linger
		h.offer(offerOf("o1", agent1, unreserved(amounts(2, 1024))))
		h.bound(1, "old", amounts(2, 1024))
		h.operator.lists(agentOf(agent1, reservedFor("old", amounts(2, 1024))), agentOf(agent2))
		for len(h.freed) > 0 {
			<-h.freed
		}
		h.Release("old", "the pod was deleted")
		h.wantState("old", agent1, Releasing)
		test(t, h)
	})
}

// free is what filter sees of agent1.
func (h *house) free() string {
	agent, ok := h.cache.Snapshot().Agent(agent1.AgentID)
	if !ok {
		return "nothing"
	}
	return agent.Free(testRole).String()
}

func TestFreedReservationIsHandedOver(t *testing.T) {
	lingering(t, testLinger, func(t *testing.T, h *house) {
		if got := h.free(); got != "cpus:2;mem:1024" {
			t.Fatalf("filter sees %s free before any offer came", got)
		}
		if len(h.freed) == 0 {
			t.Error("nobody was told, so that no refused pod is woken")
		}
		if got := h.Wanting(); len(got) != 0 {
			t.Errorf("Wanting() = %v for what only lingers", got)
		}
		h.offer(offerOf("o2", agent1, reservedFor("old", amounts(2, 1024))))
		h.accepts(1) // it waits for a pod
		fresh := h.reserve("new", agent1, amounts(2, 1024))
		ops := h.accepts(2)[1].Operations
		if len(ops) != 2 || ops[0].Type != mesos.Unreserve || ops[1].Type != mesos.Reserve {
			t.Fatalf("operations %+v, want UNRESERVE and RESERVE in one ACCEPT", ops)
		}
		h.finish(ops[0])
		h.finish(ops[1])
		h.mustReserve(fresh)
		h.wantState("old", agent1, 0)
		if got := testutil.ToFloat64(h.metrics.handovers); got != 1 {
			t.Errorf("%v hand-overs counted", got)
		}
	})
}

func TestHoldWaitsForTheOfferWithTheFreedReservation(t *testing.T) {
	lingering(t, testLinger, func(t *testing.T, h *house) {
		fresh := h.reserve("new", agent1, amounts(1, 512))
		h.pending(fresh)
		if got := h.Wanting(); got[testRole] != 1 || len(h.hurried) == 0 {
			t.Errorf("Wanting() = %v, hurried %d times; want offers for the pod that waits", got, len(h.hurried))
		}
		time.Sleep(2 * testOptions.RemainderWait)
		h.pending(fresh) // though nothing is in hand or expected
		h.offer(offerOf("o2", agent1, reservedFor("old", amounts(2, 1024))))
		ops := h.accepts(2)[1].Operations
		h.finish(ops[0])
		h.finish(ops[1])
		h.mustReserve(fresh)
	})
}

func TestOnlyWhatIsNeededIsHandedOver(t *testing.T) {
	lingering(t, testLinger, func(t *testing.T, h *house) {
		h.offer(offerOf("o2", agent1, unreserved(amounts(1, 512)), reservedFor("old", amounts(2, 1024))))
		h.reserve("new", agent1, amounts(1, 512))
		if ops := h.accepts(2)[1].Operations; len(ops) != 1 || ops[0].Type != mesos.Reserve {
			t.Fatalf("operations %+v, want the RESERVE alone: the offer covers it", ops)
		}
		h.wantState("old", agent1, Releasing)
		h.finish(h.operation(2, 0))
	})
}

func TestLingerEnds(t *testing.T) {
	for name, linger := range map[string]time.Duration{"after its time": testLinger, "at once": 0} {
		t.Run(name, func(t *testing.T) {
			lingering(t, linger, func(t *testing.T, h *house) {
				h.offer(offerOf("o2", agent1, reservedFor("old", amounts(2, 1024))))
				if linger > 0 {
					time.Sleep(linger - tick)
					h.accepts(1)
					time.Sleep(2 * tick)
				}
				op := h.operation(2, 0)
				if diff := cmp.Diff([]resources.Portion{reservedFor("old", amounts(2, 1024))}, op.Portions); diff != "" || op.Type != mesos.Unreserve {
					t.Fatalf("operation %v, portions (-want +got):\n%s", op.Type, diff)
				}
				h.finish(op)
				h.wantQuiet()
			})
		})
	}
}

func TestLingeredReservationAsksForOffers(t *testing.T) {
	lingering(t, testLinger, func(t *testing.T, h *house) {
		time.Sleep(testLinger)
		if got := h.Wanting(); got[testRole] != 1 {
			t.Errorf("Wanting() = %v, want offers for the UNRESERVE", got)
		}
		time.Sleep(testOptions.OperatorAfter - 2*tick)
		if len(h.operator.undone()) != 0 {
			t.Error("operator API used before its time, which begins after the linger")
		}
		time.Sleep(4 * tick)
		if len(h.operator.undone()) != 1 {
			t.Error("operator API not used")
		}
	})
}

// A refused UNRESERVE takes the RESERVE with it; nothing else is lost.
func TestRefusedHandOver(t *testing.T) {
	lingering(t, testLinger, func(t *testing.T, h *house) {
		refuse := func(n int) {
			fresh := h.reserve("new", agent1, amounts(2, 1024))
			h.offer(offerOf("o"+string(rune('0'+n)), agent1, reservedFor("old", amounts(2, 1024))))
			ops := h.accepts(n)[n-1].Operations
			h.status(ops[0], mesos.OperationError, "")
			h.status(ops[1], mesos.OperationError, "")
			h.mustFail(fresh, ErrNotReserved)
			h.wantState("old", agent1, Releasing)
		}
		refuse(2)
		if got := h.free(); got != "nothing" && got != "cpus:2;mem:1024" { // what the lost ACCEPT would have left
			t.Errorf("filter sees %s free", got)
		}
		time.Sleep(time.Second + 2*tick)
		if got := h.free(); got != "cpus:2;mem:1024" {
			t.Fatalf("filter sees %s free after one refusal, which may have been a stale offer's", got)
		}
		refuse(3)
		time.Sleep(4 * time.Second)
		if got := h.free(); got != "nothing" {
			t.Errorf("filter sees %s free although Mesos does not let go of it", got)
		}
		h.wantState("old", agent1, Releasing)
	})
}

func TestNobodyCountsOnAnAgentThatIsAway(t *testing.T) {
	lingering(t, time.Minute, func(t *testing.T, h *house) {
		fresh := h.reserve("new", agent1, amounts(1, 512))
		h.cache.ForgetAgent(agent1.AgentID)
		h.AgentLost(agent1.AgentID, []string{testRole})
		h.mustFail(fresh, ErrWithdrawn)
		if got := h.free(); got != "nothing" {
			t.Errorf("filter sees %s free on a lost agent", got)
		}
		h.offer(offerOf("o2", agent1, reservedFor("old", amounts(2, 1024))))
		if got := h.free(); got != "cpus:2;mem:1024" {
			t.Errorf("filter sees %s free on an agent that is back", got)
		}
		h.cache.Reset(0)
		h.Connection(false)
		h.cache.Reset(generation)
		away := agentOf(agent1, reservedFor("old", amounts(2, 1024)))
		away.Active = false
		h.operator.lists(away, agentOf(agent2))
		h.Connection(true)
		time.Sleep(3 * auditPause)
		if got := h.free(); got != "nothing" {
			t.Errorf("filter sees %s free on an agent that the new master has not seen", got)
		}
		h.operator.lists(agentOf(agent1, reservedFor("old", amounts(2, 1024))), agentOf(agent2))
		time.Sleep(testOptions.AuditInterval + 2*auditPause)
		if got := h.free(); got != "cpus:2;mem:1024" {
			t.Errorf("filter sees %s free on an agent that is listed as active", got)
		}
	})
}

// A bind that begins while the reservation of an earlier one goes to another
// pod finds it gone.
func TestLingeringReservationGoesToItsOwnPodFirst(t *testing.T) {
	lingering(t, testLinger, func(t *testing.T, h *house) {
		other := h.reserve("other", agent1, amounts(2, 1024))
		h.mustReserve(h.reserve("old", agent1, amounts(2, 1024)))
		h.wantState("old", agent1, Reserved)
		time.Sleep(testOptions.RemainderWait + 2*tick)
		h.mustFail(other, ErrWithdrawn) // instead of waiting for nothing
	})
}

// Offers come, and each time a reservation leaves with one; a hold that they do
// not cover fails all the same.
func TestReleasesDoNotProlongTheWaitOfADoomedHold(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		cpu := amounts(1, 0)
		pods := []string{"a", "b", "c", "d", "e"}
		for i, uid := range pods {
			h.offer(offerOf("o"+uid, agent1, unreserved(cpu)))
			h.bound(i+1, uid, cpu)
		}
		h.offer(offerOf("o6", agent1, unreserved(amounts(10, 0))))
		h.reserve("f", agent1, cpu)
		h.finish(h.operation(6, 0))
		big := h.reserve("big", agent1, amounts(9, 0))
		h.pending(big)                                  // for the rest of o6
		h.offer(offerOf("o7", agent1, unreserved(cpu))) // which went to others
		h.pending(big)                                  // in case they do not want it
		for i, uid := range pods[:int(testOptions.RemainderWait/time.Second)+1] {
			h.Release(uid, "the pod was deleted")
			h.offer(offerOf("r"+uid, agent1, reservedFor(uid, cpu)))
			h.finish(h.operation(7+i, 0))
			time.Sleep(time.Second)
		}
		h.mustFail(big, ErrWithdrawn)
	})
}

func TestBindThatComesLaterHurriesItsRoleToo(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		h.offer(offerOf("o1", agent1, unreserved(amounts(4, 4096))))
		h.reserve("p1", agent1, amounts(1, 512))
		time.Sleep(10 * time.Millisecond) // the ACCEPT is answered by now
		if len(h.hurried) != 0 {
			t.Fatal("hurried although nobody waits")
		}
		h.reserve("p2", agent1, amounts(1, 512))
		h.Touched(agent1) // looks again
		synctest.Wait()
		if len(h.hurried) != 1 {
			t.Fatalf("hurried %d times, want once for p2", len(h.hurried))
		}
		h.finish(h.operation(1, 0))
	})
}
