package reservation

import (
	"slices"
	"testing"
	"time"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/mesos"
)

// jointly has the holds of p2 and p3 leave in one RESERVE.
func jointly(h *house) (second, third *attempt, joint mesos.Operation) {
	h.t.Helper()
	first, second, third := gathered(h)
	h.finish(h.operation(1, 0))
	h.mustReserve(first)
	time.Sleep(late)
	joint = h.operation(2, 0)
	h.reserves(joint, "p2", "p3")
	return second, third, joint
}

func TestRefusedRESERVEFailsAllItsPods(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		second, third, joint := jointly(h)
		h.status(joint, mesos.OperationDropped, "uuid")
		h.mustFail(second, ErrNotReserved)
		h.mustFail(third, ErrNotReserved)
	})
}

// A pod that ends while its RESERVE is on its way is released once that is
// confirmed; the others of the same RESERVE are not touched.
func TestPodThatEndsLeavesTheOthersOfItsRESERVE(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		second, third, joint := jointly(h)
		h.Release("p2", "it was deleted")
		h.mustFail(second, ErrReleased)
		h.pending(third)
		h.finish(joint)
		h.mustReserve(third)
		h.wantState("p2", agent1, Releasing)
		h.wantState("p3", agent1, Reserved)
	})
}

func TestTheMasterIsAskedOnceAboutARESERVEOfSeveralPods(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		_, _, joint := jointly(h)
		time.Sleep(testOptions.ConfirmTimeout + 2*tick)
		want := []mesos.OperationRef{{OperationID: joint.ID, AgentID: agent1.AgentID}}
		if got := h.master.questions(); len(got) != 1 || !slices.Equal(got[0], want) {
			t.Fatalf("asked %+v, want once about %+v", got, want)
		}
		h.finish(joint)
	})
}

// What an UNRESERVE of the same ACCEPT must free first can be refused while the
// rest goes through: each pod has a RESERVE of its own.
func TestPodsThatAreHandedSomethingHaveARESERVEEach(t *testing.T) {
	lingering(t, testLinger, func(t *testing.T, h *house) {
		second, third := h.reserve("p2", agent1, amounts(1, 512)), h.reserve("p3", agent1, amounts(1, 512))
		h.offer(offerOf("o2", agent1, reservedFor("old", amounts(2, 1024))))
		ops := h.accepts(2)[1].Operations
		if len(ops) != 3 || ops[0].Type != mesos.Unreserve {
			t.Fatalf("operations %+v, want an UNRESERVE and a RESERVE for each pod", ops)
		}
		h.reserves(ops[1], "p2")
		h.reserves(ops[2], "p3")
		for _, op := range ops {
			h.finish(op)
		}
		h.mustReserve(second)
		h.mustReserve(third)
	})
}
