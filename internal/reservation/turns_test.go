package reservation

import (
	"fmt"
	"testing"
	"time"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/offercache"
)

// What a bind waits for Mesos is from the call of the ACCEPT to the status, and
// what it waits for an offer.
func TestReserveTellsHowLongItWasMesosTurn(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		const offered, answered = 70 * time.Millisecond, 30 * time.Millisecond
		h.offer(offerOf("o1", agent1, unreserved(amounts(4, 4096))))
		first := h.reserve("p1", agent1, amounts(1, 512))
		second := h.reserve("p2", agent1, amounts(1, 512)) // waits for the rest of o1
		time.Sleep(answered)
		h.finish(h.operation(1, 0))
		h.mustReserve(first)
		if first.waited != answered {
			t.Errorf("p1 waited %s for Mesos, want %s", first.waited, answered)
		}
		time.Sleep(offered - answered)
		h.offer(offerOf("o2", agent1, unreserved(amounts(3, 3584)), reservedFor("p1", amounts(1, 512))))
		time.Sleep(answered)
		h.finish(h.operation(2, 0))
		h.mustReserve(second)
		if want := offered + answered; second.waited != want {
			t.Errorf("p2 waited %s for Mesos, want %s", second.waited, want)
		}
	})
}

// Senders that are all busy are ours to answer for, and Mesos only for what is
// on the wire.
func TestWaitingForASenderIsNotMesosTurn(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		const (
			busy  = time.Second
			apart = rushTime / (rushHour - 2) // no rush: each leaves at once
		)
		h.master.answersAfter(busy)
		for i := range acceptWorkers {
			time.Sleep(apart)
			other := offercache.Key{AgentID: fmt.Sprint("other-", i), Role: testRole}
			h.offer(offerOf(fmt.Sprint("other-offer-", i), other, unreserved(amounts(1, 512))))
			h.reserve(fmt.Sprint("other-pod-", i), other, amounts(1, 512))
		}
		h.offer(offerOf("o1", agent1, unreserved(amounts(1, 512))))
		a := h.reserve("p1", agent1, amounts(1, 512))
		h.accepts(acceptWorkers)
		time.Sleep(busy - (acceptWorkers-1)*apart) // until the first is done
		h.finish(h.operation(acceptWorkers+1, 0))
		h.mustReserve(a)
		if a.waited != 0 {
			t.Errorf("waited %s for Mesos, which answered at once", a.waited)
		}
	})
}

// A second bind of a pod is not told what the first one waited.
func TestWaitsOfAnEarlierBindAreForgotten(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		h.offer(offerOf("o1", agent1, unreserved(amounts(4, 4096))))
		h.reserve("p1", agent1, amounts(1, 512))
		time.Sleep(time.Second)
		again := h.reserve("p1", agent1, amounts(1, 512))
		time.Sleep(10 * time.Millisecond)
		h.finish(h.operation(1, 0))
		h.mustReserve(again)
		if again.waited != 10*time.Millisecond {
			t.Errorf("waited %s for Mesos, want the 10 ms since it began", again.waited)
		}
	})
}
