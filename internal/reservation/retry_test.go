package reservation

import (
	"testing"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/mesos"
)

func TestScenario17RetryOnAnotherNode(t *testing.T) {
	need := amounts(1, 512)
	tests := map[string]struct {
		before func(*house) *attempt // on agent1; one ACCEPT leaves
		after  func(*house, *attempt)
	}{
		"before anything left": {
			func(h *house) *attempt {
				h.reserve("other", agent1, need)
				return h.reserve("p1", agent1, need) // waits for the rest of the offer
			},
			func(h *house, a *attempt) {
				h.mustFail(a, ErrReleased)
				h.wantState("p1", agent1, 0)
			},
		},
		"while the RESERVE is in flight": {
			func(h *house) *attempt { return h.reserve("p1", agent1, need) },
			func(h *house, a *attempt) {
				h.mustFail(a, ErrReleased)
				h.wantState("p1", agent1, Reserving)
				h.finish(h.accepts(2)[0].Operations[0])
				h.released(3, "p1", agent1, need)
			},
		},
		"after the reservation was confirmed": {
			func(h *house) *attempt {
				a := h.reserve("p1", agent1, need)
				h.finish(h.operation(1, 0))
				h.mustReserve(a)
				h.Settle(a.req, Undecided)
				return a
			},
			func(h *house, _ *attempt) { h.released(3, "p1", agent1, need) },
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			inHouse(t, func(t *testing.T, h *house) {
				h.offer(offerOf("o1", agent1, unreserved(amounts(4, 4096))), offerOf("o2", agent2, unreserved(amounts(4, 4096))))
				first := tt.before(h)
				second := h.reserve("p1", agent2, need)
				h.finish(h.operation(2, 0))
				h.mustReserve(second)
				h.Settle(second.req, PodBound)
				tt.after(h, first)
				h.wantState("p1", agent2, Bound)
			})
		})
	}
}

func TestScenario17FirstReserveFailsWhileTheSecondWaits(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		h.offer(offerOf("o1", agent1, unreserved(amounts(4, 4096))), offerOf("o2", agent2, unreserved(amounts(4, 4096))))
		h.reserve("p1", agent1, amounts(1, 512))
		h.reserve("other", agent2, amounts(1, 512))
		second := h.reserve("p1", agent2, amounts(1, 512)) // waits for the rest of o2
		h.Release("nobody", "")
		h.NoteBound("p1", agent2.AgentID, 0)
		h.status(h.accepts(2)[0].Operations[0], mesos.OperationError, "")
		h.wantState("p1", agent1, 0)
		h.pending(second)
		if s := h.cache.Stats(); s.HoldsWaiting != 1 {
			t.Fatalf("the second agent's hold is lost: %+v", s)
		}
		h.offer(offerOf("o3", agent2, unreserved(amounts(3, 3584))))
		h.finish(h.operation(3, 0))
		h.mustReserve(second)
	})
}

func TestScenario18CallerHangsUp(t *testing.T) {
	need := amounts(1, 512)
	t.Run("while it waits for offers", func(t *testing.T) {
		inHouse(t, func(t *testing.T, h *house) {
			h.offer(offerOf("o1", agent1, unreserved(amounts(2, 1024))))
			h.reserve("other", agent1, need)
			a := h.reserve("p1", agent1, need)
			a.hangUp()
			h.mustFail(a, errHungUp)
			h.wantState("p1", agent1, 0)
		})
	})
	t.Run("while the RESERVE is in flight", func(t *testing.T) {
		inHouse(t, func(t *testing.T, h *house) {
			h.offer(offerOf("o1", agent1, unreserved(need)))
			a := h.reserve("p1", agent1, need)
			a.hangUp()
			h.mustFail(a, errHungUp)
			h.finish(h.operation(1, 0))
			h.released(2, "p1", agent1, need)
			h.wantQuiet()
		})
	})
	t.Run("and asks again before the RESERVE is confirmed", func(t *testing.T) {
		inHouse(t, func(t *testing.T, h *house) {
			h.offer(offerOf("o1", agent1, unreserved(need)))
			a := h.reserve("p1", agent1, need)
			a.hangUp()
			h.mustFail(a, errHungUp)
			again := h.reserve("p1", agent1, need)
			h.pending(again)
			h.finish(h.operation(1, 0))
			h.mustReserve(again)
			h.Settle(again.req, PodBound)
			h.wantState("p1", agent1, Bound)
		})
	})
	t.Run("and asks again after it was confirmed", func(t *testing.T) {
		inHouse(t, func(t *testing.T, h *house) {
			h.offer(offerOf("o1", agent1, unreserved(need)))
			a := h.reserve("p1", agent1, need)
			h.finish(h.operation(1, 0))
			h.mustReserve(a)
			h.Settle(a.req, Undecided)
			again := h.reserve("p1", agent1, need)
			h.mustReserve(again)
			h.accepts(1)
		})
	})
	t.Run("and the release has begun when it asks again", func(t *testing.T) {
		inHouse(t, func(t *testing.T, h *house) {
			h.offer(offerOf("o1", agent1, unreserved(need)))
			a := h.reserve("p1", agent1, need)
			a.hangUp()
			h.mustFail(a, errHungUp)
			h.finish(h.operation(1, 0))
			h.wantState("p1", agent1, Releasing)
			again := h.reserve("p1", agent1, need)
			h.mustReserve(again)
			h.offer(offerOf("o2", agent1, reservedFor("p1", need)))
			h.accepts(1) // nothing was unreserved
			h.Settle(again.req, PodBound)
			h.wantState("p1", agent1, Bound)
		})
	})
	t.Run("and the UNRESERVE has left when it asks again", func(t *testing.T) {
		inHouse(t, func(t *testing.T, h *house) {
			h.offer(offerOf("o1", agent1, unreserved(need)))
			a := h.reserve("p1", agent1, need)
			a.hangUp()
			h.mustFail(a, errHungUp)
			h.finish(h.operation(1, 0))
			h.offer(offerOf("o2", agent1, reservedFor("p1", need)))
			h.accepts(2)
			h.mustFail(h.reserve("p1", agent1, need), ErrReleased)
		})
	})
}

func TestScenario17RetryAfterAnUndecidedBinding(t *testing.T) {
	need := amounts(1, 512)
	start := func(h *house) (first, second *attempt) {
		h.offer(offerOf("o1", agent1, unreserved(need)), offerOf("o2", agent2, unreserved(need)))
		first = h.reserve("p1", agent1, need)
		h.finish(h.operation(1, 0))
		h.mustReserve(first)
		h.Settle(first.req, Undecided)
		second = h.reserve("p1", agent2, need)
		h.finish(h.operation(2, 0))
		h.mustReserve(second)
		h.wantState("p1", agent1, Reserved)
		return first, second
	}
	t.Run("which was stored", func(t *testing.T) {
		inHouse(t, func(t *testing.T, h *house) {
			_, second := start(h)
			h.Settle(second.req, PodRefused) // bound elsewhere
			h.NoteBound("p1", agent1.AgentID, 0)
			h.wantState("p1", agent1, Bound)
			h.released(3, "p1", agent2, need)
			h.wantState("p1", agent1, Bound)
		})
	})
	t.Run("which was not", func(t *testing.T) {
		inHouse(t, func(t *testing.T, h *house) {
			_, second := start(h)
			h.Settle(second.req, PodBound)
			h.released(3, "p1", agent1, need)
			h.wantState("p1", agent2, Bound)
		})
	})
}

func TestScenario17RetryForABoundPodIsRefused(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		h.offer(offerOf("o1", agent1, unreserved(amounts(1, 512))), offerOf("o2", agent2, unreserved(amounts(1, 512))))
		h.bound(1, "p1", amounts(1, 512))
		h.mustFail(h.reserve("p1", agent2, amounts(1, 512)), ErrBoundElsewhere)
		h.wantState("p1", agent1, Bound)
		h.wantState("p1", agent2, 0)
	})
}
