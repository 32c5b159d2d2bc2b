package reservation

import (
	"testing"
	"time"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/mesos"
)

// late is how long the master of these tests takes to answer an ACCEPT.
const late = 50 * time.Millisecond

// gathered has p1 leave with one offer of agent1, and p2 and p3, which the
// other one covers, ask while that ACCEPT is on the wire.
func gathered(h *house) (first, second, third *attempt) {
	h.t.Helper()
	h.master.answersAfter(late)
	h.offer(offerOf("small", agent1, unreserved(amounts(1, 512))), offerOf("large", agent1, unreserved(amounts(4, 4096))))
	first = h.reserve("p1", agent1, amounts(1, 512))
	h.accepts(1)
	second = h.reserve("p2", agent1, amounts(1, 512))
	third = h.reserve("p3", agent1, amounts(1, 512))
	return first, second, third
}

func TestBindsJoinTheNextAcceptWhileOneIsOnTheWire(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		first, second, third := gathered(h)
		h.accepts(1)
		time.Sleep(late)
		h.reserves(h.operation(2, 0), "p2", "p3") // in the order they came
		h.finish(h.accepts(2)[0].Operations[0])
		h.finish(h.operation(2, 0))
		h.mustReserve(first)
		h.mustReserve(second)
		h.mustReserve(third)
	})
}

func TestAcceptThatFailsFailsAllThatJoinedIt(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		first, second, third := gathered(h)
		h.master.answers(mesos.ErrDisconnected, nil)
		time.Sleep(2 * late)
		h.accepts(2)
		h.mustFail(second, ErrNotReserved)
		h.mustFail(third, ErrNotReserved)
		h.pending(first)
		h.finish(h.accepts(2)[0].Operations[0])
		h.mustReserve(first)
	})
}

func TestRescindOfWhatTheGatheredCountOn(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		_, second, third := gathered(h)
		h.rescind("large")
		h.accepts(1)
		time.Sleep(late)
		h.mustFail(second, ErrWithdrawn)
		h.mustFail(third, ErrWithdrawn)
		h.accepts(1)
	})
}

// An ACCEPT that is not answered keeps nobody waiting who could leave.
func TestGatheringIsBounded(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		h.master.answersAfter(time.Minute)
		h.offer(offerOf("small", agent1, unreserved(amounts(1, 512))), offerOf("large", agent1, unreserved(amounts(4, 4096))))
		h.reserve("p1", agent1, amounts(1, 512))
		h.reserve("p2", agent1, amounts(1, 512))
		h.accepts(1)
		time.Sleep(gatherLimit + tick)
		if ops := h.accepts(2)[1].Operations; len(ops) != 1 {
			t.Fatalf("the second ACCEPT carries %+v, want p2", ops)
		}
	})
}

func TestNobodyWaitsWhereNothingIsOnTheWire(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		h.offer(offerOf("small", agent1, unreserved(amounts(1, 512))), offerOf("large", agent1, unreserved(amounts(4, 4096))))
		began := time.Now()
		for n := range 2 {
			h.reserve([]string{"p1", "p2"}[n], agent1, amounts(1, 512))
			h.accepts(n + 1)
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("the second ACCEPT left after %s, want at once", took)
		}
	})
}
