package reservation

import "testing"

// A replica that hands over fails the binds that wait, and finishes the others.
func TestHastenFailsOnlyBindsThatWait(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		h.offer(offerOf("o1", agent1, unreserved(amounts(4, 1024))))
		left := h.reserve("p1", agent1, amounts(1, 256))
		operation := h.operation(1, 0)
		waits := h.reserve("p2", agent1, amounts(1, 256)) // for the rest of o1
		h.pending(left)
		h.pending(waits)
		h.Hasten()
		h.mustFail(waits, ErrReleased)
		h.pending(left)
		h.finish(operation)
		h.mustReserve(left)
	})
}
