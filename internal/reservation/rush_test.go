package reservation

import (
	"fmt"
	"testing"
	"time"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/offercache"
)

// rushHour is how many binds are a rush here.
const rushHour = 16

// elsewhere has so many binds come at once, one on each of as many agents.
func elsewhere(h *house, binds int) {
	h.t.Helper()
	for i := range binds {
		key := offercache.Key{AgentID: fmt.Sprint("other-", i), Role: testRole}
		h.offer(offerOf(fmt.Sprint("other-offer-", i), key, unreserved(amounts(1, 512))))
		h.reserve(fmt.Sprint("other-pod-", i), key, amounts(1, 512))
	}
}

// rushed has the next bind make a rush, and a large offer of agent1 in hand.
func rushed(h *house) {
	h.t.Helper()
	elsewhere(h, rushHour-1)
	h.accepts(rushHour - 1)
	h.offer(offerOf("large", agent1, unreserved(amounts(8, 8192))))
}

func TestBindsOfARushLeaveTogetherAtTheBeat(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		rushed(h)
		var binds []*attempt
		for i := range 5 {
			binds = append(binds, h.reserve(fmt.Sprint("p", i), agent1, amounts(1, 512)))
			time.Sleep(beat / 10)
		}
		h.accepts(rushHour - 1)
		time.Sleep(beat / 2)
		h.reserves(h.operation(rushHour, 0), "p0", "p1", "p2", "p3", "p4")
		h.finish(h.operation(rushHour, 0))
		for _, bind := range binds {
			h.mustReserve(bind)
		}
	})
}

func TestBindsLeaveAtOnceWhenTheRushIsOver(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		rushed(h)
		time.Sleep(rushTime + time.Millisecond)
		first := h.reserve("p1", agent1, amounts(1, 512))
		h.finish(h.operation(rushHour, 0))
		h.mustReserve(first)
	})
}

// An offer that goes away takes with it what was held back for the beat, and
// nothing of it is sent.
func TestRescindDuringARush(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		rushed(h)
		first := h.reserve("p1", agent1, amounts(1, 512))
		h.pending(first)
		h.rescind("large")
		h.mustFail(first, ErrWithdrawn)
		time.Sleep(2 * beat)
		h.accepts(rushHour - 1)
		if h.Holds("p1") {
			t.Error("something of p1 is left")
		}
	})
}

// A bind that gives up while it is held back leaves nothing behind, and those
// who wait with it leave all the same.
func TestReleaseDuringARush(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		rushed(h)
		first := h.reserve("p1", agent1, amounts(1, 512))
		second := h.reserve("p2", agent1, amounts(1, 512))
		h.pending(first)
		h.Release("p1", "its pod is gone")
		h.mustFail(first, ErrReleased)
		time.Sleep(beat)
		if ops := h.accepts(rushHour)[rushHour-1].Operations; len(ops) != 1 {
			t.Fatalf("%d operations left, want that of p2 alone", len(ops))
		}
		h.finish(h.operation(rushHour, 0))
		h.mustReserve(second)
	})
}

// Binds that have waited for offers have waited together already.
func TestBindsThatWaitedForOffersAreNotHeldBack(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		h.offer(offerOf("o1", agent1, unreserved(amounts(8, 8192))))
		first := h.reserve("p1", agent1, amounts(1, 512))
		h.finish(h.operation(1, 0))
		h.mustReserve(first)
		second := h.reserve("p2", agent1, amounts(1, 512)) // waits for the rest of o1
		time.Sleep(beat)
		elsewhere(h, rushHour)
		before := rushHour - 2 // p2 waits, and the last three are held back
		h.accepts(before)
		h.offer(offerOf("o2", agent1, unreserved(amounts(7, 7680)), reservedFor("p1", amounts(1, 512))))
		h.finish(h.operation(before+1, 0))
		h.mustReserve(second)
	})
}

// What is to be released does not wait for a beat where no bind does.
func TestReleasesAreNotHeldBack(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		h.offer(offerOf("o1", agent1, unreserved(amounts(8, 8192))))
		a := h.reserve("p1", agent1, amounts(1, 512))
		h.finish(h.operation(1, 0))
		h.mustReserve(a)
		elsewhere(h, rushHour-1)
		h.accepts(rushHour - 1) // the last one is held back
		h.Release("p1", "its pod is gone")
		h.offer(offerOf("o2", agent1, reservedFor("p1", amounts(1, 512))))
		h.accepts(rushHour)
	})
}
