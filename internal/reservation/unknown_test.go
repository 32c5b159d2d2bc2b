package reservation

import (
	"testing"
	"time"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/mesos"
)

func TestT16UnknownIsDecidedByTheAgentList(t *testing.T) {
	tests := map[string]struct {
		agent mesos.Agent
		want  State
		err   error
	}{
		"scenario 8 listed":                {agentOf(agent1, reservedFor("p1", amounts(1, 512))), Reserved, nil},
		"scenario 7 not listed":            {agentOf(agent1), 0, ErrNotReserved},
		"the agent is not back yet":        {mesos.Agent{ID: agent1.AgentID, Recovered: true}, Reserving, nil},
		"listed while the agent is away":   {mesos.Agent{ID: agent1.AgentID, Feedback: true}, Reserving, nil},
		"another pod's reservation proves": {agentOf(agent1, reservedFor("p2", amounts(1, 512))), 0, ErrNotReserved},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			inHouse(t, func(t *testing.T, h *house) {
				h.offer(offerOf("o1", agent1, unreserved(amounts(4, 4096))))
				a := h.reserve("p1", agent1, amounts(1, 512))
				h.operator.lists(tt.agent)
				time.Sleep(time.Second)
				h.status(h.operation(1, 0), mesos.OperationUnknown, "")
				time.Sleep(2 * auditPause)
				if tt.agent.Active && len(tt.agent.Reserved) > 0 && tt.err == nil {
					h.unknownAgain(a, h.operation(1, 0))
				}
				h.wantState("p1", agent1, tt.want)
				switch {
				case tt.want == Reserving:
					h.pending(a)
				case tt.err != nil:
					h.mustFail(a, tt.err)
				default:
					h.mustReserve(a)
				}
			})
		})
	}
}

// unknownAgain lets the master be asked once more about an operation that it
// lists as executed, and not know it again.
func (h *house) unknownAgain(a *attempt, op mesos.Operation) {
	h.t.Helper()
	h.pending(a)
	h.askedAnew(op)
	h.pending(a)
	h.status(op, mesos.OperationUnknown, "")
	time.Sleep(2 * auditPause)
}

// askedAnew fails the test unless the master is asked about an operation.
func (h *house) askedAnew(op mesos.Operation) {
	h.t.Helper()
	before := len(h.master.questions())
	time.Sleep(testOptions.ConfirmTimeout)
	for _, refs := range h.master.questions()[before:] {
		for _, ref := range refs {
			if ref.OperationID == op.ID {
				return
			}
		}
	}
	h.t.Fatalf("the master was not asked again about %s", op.ID)
}

// An ACCEPT that was held up arrives after the master said that it did not know
// it: its list then shows what the agent has not executed (trap T19).
func TestT19ListConfirmsNothingThatTheMasterKnowsByNow(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		h.offer(offerOf("o1", agent1, unreserved(amounts(4, 4096))))
		a := h.reserve("p1", agent1, amounts(1, 512))
		op := h.operation(1, 0)
		h.operator.lists(agentOf(agent1, reservedFor("p1", amounts(1, 512))))
		time.Sleep(time.Second)
		h.status(op, mesos.OperationUnknown, "")
		time.Sleep(2 * auditPause)
		h.askedAnew(op)
		h.status(op, mesos.OperationPending, "")
		signal(h.auditNow)
		time.Sleep(2 * auditPause)
		h.pending(a)
		h.status(op, mesos.OperationDropped, "")
		h.mustFail(a, ErrNotReserved)
	})
}

// A list that was made before the master said UNKNOWN may be of an earlier
// master, which had not executed the RESERVE yet.
func TestUnknownIsNotDecidedByAnOlderList(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		h.offer(offerOf("o1", agent1, unreserved(amounts(4, 4096))))
		a := h.reserve("p1", agent1, amounts(1, 512))
		time.Sleep(time.Second)
		h.operator.answersAfter(10 * time.Second)
		signal(h.auditNow)
		time.Sleep(time.Second)
		h.operator.lists(agentOf(agent1, reservedFor("p1", amounts(1, 512)))) // for the next reading
		h.status(h.operation(1, 0), mesos.OperationUnknown, "")
		time.Sleep(10 * time.Second)
		h.pending(a)
		time.Sleep(12 * time.Second)
		h.status(h.operation(1, 0), mesos.OperationUnknown, "")
		h.pending(a)
		time.Sleep(12 * time.Second)
		h.mustReserve(a)
	})
}

func TestUnknownUnreserve(t *testing.T) {
	tests := map[string]struct {
		listed bool
		want   State
	}{
		"not listed: done":        {false, 0},
		"still listed: once more": {true, Releasing},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			inHouse(t, func(t *testing.T, h *house) {
				h.offer(offerOf("o1", agent1, unreserved(amounts(1, 512))))
				h.bound(1, "p1", amounts(1, 512))
				h.Release("p1", "deleted")
				h.offer(offerOf("o2", agent1, reservedFor("p1", amounts(1, 512))))
				if tt.listed {
					h.operator.lists(agentOf(agent1, reservedFor("p1", amounts(1, 512))))
				}
				time.Sleep(time.Second)
				h.status(h.operation(2, 0), mesos.OperationUnknown, "")
				time.Sleep(2 * auditPause)
				if !tt.listed {
					h.askedAnew(h.operation(2, 0))
					h.status(h.operation(2, 0), mesos.OperationUnknown, "")
					time.Sleep(2 * auditPause)
				}
				h.wantState("p1", agent1, tt.want)
				if !tt.listed {
					h.wantQuiet()
					return
				}
				h.offer(offerOf("o3", agent1, reservedFor("p1", amounts(1, 512))))
				if op := h.operation(3, 0); op.Type != mesos.Unreserve || op.ID == h.accepts(3)[1].Operations[0].ID {
					t.Errorf("third ACCEPT has %+v, want UNRESERVE under a new ID (trap T15)", op)
				}
			})
		})
	}
}

// An ACCEPT that hangs may still arrive: what the master says meanwhile does
// not decide its operations.
func TestUnknownDoesNotDecideACallThatHangs(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		h.master.answersAfter(4 * h.opts.ConfirmTimeout)
		h.offer(offerOf("o1", agent1, unreserved(amounts(4, 1024))))
		bind := h.reserve("p1", agent1, amounts(1, 256))
		time.Sleep(time.Second)
		h.status(h.operation(1, 0), mesos.OperationUnknown, "")
		time.Sleep(2 * h.opts.ConfirmTimeout)
		h.pending(bind)
		h.finish(h.operation(1, 0))
		h.mustReserve(bind)
	})
}
