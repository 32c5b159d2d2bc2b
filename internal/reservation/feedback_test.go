package reservation

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/mesos"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/offercache"
)

func TestTransitionsAreThoseInThePicture(t *testing.T) {
	legal := map[[2]State]bool{
		{Held, Reserving}: true, {Held, Gone}: true,
		{Reserving, Reserved}: true, {Reserving, Gone}: true,
		{Reserved, Bound}: true, {Reserved, Releasing}: true, {Reserved, Gone}: true,
		{Bound, Releasing}: true, {Bound, Gone}: true,
		{Releasing, Reserved}: true, {Releasing, Gone}: true,
	}
	for from := Held; from <= Gone; from++ {
		for to := Held; to <= Gone; to++ {
			if err := checkTransition(from, to); (err == nil) != legal[[2]State{from, to}] {
				t.Errorf("from %s to %s: %v", from, to, err)
			}
		}
	}
}

func TestIllegalTransitionChangesNothing(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		h.offer(offerOf("o1", agent1, unreserved(amounts(4, 4096))))
		h.bound(1, "p1", amounts(1, 512))
		h.mu.Lock()
		moved := h.move(h.records[id{"p1", agent1}], Reserving)
		h.mu.Unlock()
		if moved {
			t.Error("a bound reservation moved back to reserving")
		}
		h.wantState("p1", agent1, Bound)
	})
}

// step is a status that comes for the only operation.
type step struct {
	state mesos.OperationState
	uuid  string
}

func TestFeedbackOfAReserve(t *testing.T) {
	const uuid = "u"
	tests := map[string]struct {
		steps []step
		want  State // zero: no reservation, the bind has failed
		acked int
	}{
		"pending":                                {[]step{{mesos.OperationPending, ""}}, Reserving, 0},
		"finished":                               {[]step{{mesos.OperationFinished, uuid}}, Reserved, 1},
		"T19 finished without uuid":              {[]step{{mesos.OperationFinished, ""}}, Reserving, 0},
		"T19 the agent's word follows":           {[]step{{mesos.OperationFinished, ""}, {mesos.OperationFinished, uuid}}, Reserved, 1},
		"scenario 39 finished twice":             {[]step{{mesos.OperationFinished, uuid}, {mesos.OperationFinished, uuid}}, Reserved, 2},
		"scenario 37 error of the master":        {[]step{{mesos.OperationError, ""}}, 0, 0},
		"failed":                                 {[]step{{mesos.OperationFailed, uuid}}, 0, 1},
		"dropped":                                {[]step{{mesos.OperationDropped, uuid}}, 0, 1},
		"gone by operator":                       {[]step{{mesos.OperationGone, ""}}, 0, 0},
		"unsupported":                            {[]step{{mesos.OperationUnsupported, ""}}, 0, 0},
		"unreachable, then finished":             {[]step{{mesos.OperationUnreachable, ""}, {mesos.OperationFinished, uuid}}, Reserved, 1},
		"unreachable":                            {[]step{{mesos.OperationUnreachable, ""}}, Reserving, 0},
		"scenario 9 recovering, then finished":   {[]step{{mesos.OperationRecovering, ""}, {mesos.OperationFinished, uuid}}, Reserved, 1},
		"scenario 9 unknown decides nothing":     {[]step{{mesos.OperationUnknown, ""}}, Reserving, 0},
		"T16 unknown, then finished":             {[]step{{mesos.OperationUnknown, ""}, {mesos.OperationFinished, uuid}}, Reserved, 1},
		"dropped, then an echo of finished":      {[]step{{mesos.OperationDropped, uuid}, {mesos.OperationFinished, uuid}}, 0, 2},
		"a state of a later version of Mesos":    {[]step{{"OPERATION_DREAMING", uuid}}, Reserving, 1},
		"error without uuid is not acknowledged": {[]step{{mesos.OperationError, ""}, {mesos.OperationError, ""}}, 0, 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			inHouse(t, func(t *testing.T, h *house) {
				h.offer(offerOf("o1", agent1, unreserved(amounts(4, 4096))))
				a := h.reserve("p1", agent1, amounts(1, 512))
				op := h.operation(1, 0)
				for _, s := range tt.steps {
					h.status(op, s.state, s.uuid)
				}
				h.wantState("p1", agent1, tt.want)
				switch tt.want {
				case Reserving:
					h.pending(a)
				case Reserved:
					h.mustReserve(a)
				default:
					h.mustFail(a, ErrNotReserved)
					h.wantQuiet()
				}
				if got := len(h.master.acknowledged()); got != tt.acked {
					t.Errorf("%d statuses acknowledged, want %d", got, tt.acked)
				}
			})
		})
	}
}

// A status of an operation that is not ours to know is acknowledged all the
// same, as it came: an unacknowledged one keeps its agent from being drained.
func TestScenario40StatusOfAnotherLifeIsAcknowledged(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		s := mesos.OperationStatus{OperationID: "of-an-earlier-life", State: mesos.OperationFinished, AgentID: "agent-9", UUID: []byte{1}}
		h.Status(s)
		synctest.Wait()
		if len(h.master.acknowledged()) != 1 || h.master.acknowledged()[0].OperationID != s.OperationID || h.master.acknowledged()[0].AgentID != "agent-9" {
			t.Fatalf("acknowledged %+v, want the status as it came", h.master.acknowledged())
		}
	})
}

func TestUnansweredOperationIsAskedAbout(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		h.offer(offerOf("o1", agent1, unreserved(amounts(4, 4096))))
		h.reserve("p1", agent1, amounts(1, 512))
		time.Sleep(testOptions.ConfirmTimeout - tick)
		synctest.Wait()
		if len(h.master.questions()) != 0 {
			t.Fatal("asked before the time was over")
		}
		time.Sleep(testOptions.ConfirmTimeout)
		synctest.Wait()
		want := mesos.OperationRef{OperationID: h.operation(1, 0).ID, AgentID: agent1.AgentID}
		if len(h.master.questions()) != 1 || !slices.Equal(h.master.questions()[0], []mesos.OperationRef{want}) {
			t.Fatalf("asked %+v, want once about %+v", h.master.questions(), want)
		}
		// A new subscription may know more: ask again at once.
		h.Connection(true)
		time.Sleep(2 * tick)
		synctest.Wait()
		if len(h.master.questions()) != 2 {
			t.Fatalf("asked %d times, want again after the new subscription", len(h.master.questions()))
		}
	})
}

// mute makes agent1 one without operation feedback.
func (h *house) makeMute() {
	h.operator.lists(mesos.Agent{ID: agent1.AgentID, Active: true}, agentOf(agent2))
	signal(h.auditNow)
	time.Sleep(2 * auditPause)
	synctest.Wait()
}

func TestScenario38AgentWithoutFeedback(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		h.makeMute()
		h.offer(offerOf("o1", agent1, unreserved(amounts(4, 4096))), offerOf("o2", agent2, unreserved(amounts(4, 4096))))
		a := h.reserve("p1", agent1, amounts(1, 512))
		if op := h.operation(1, 0); op.ID != "" {
			t.Fatalf("RESERVE has ID %q for an agent without feedback", op.ID)
		}
		h.offer(offerOf("o3", agent1, unreserved(amounts(1, 512)))) // says nothing of p1
		h.pending(a)
		h.offer(offerOf("o4", agent1, reservedFor("p1", amounts(1, 512))))
		h.mustReserve(a)
		if s := h.cache.Stats(); s.HoldsDeparted+s.HoldsWaiting != 0 {
			t.Errorf("holds left: %+v", s)
		}
		b := h.reserve("p2", agent2, amounts(1, 512))
		if op := h.operation(2, 0); op.ID == "" {
			t.Error("RESERVE without ID for the agent that has feedback")
		}
		h.finish(h.operation(2, 0))
		h.mustReserve(b)
	})
}

// An offer is no proof where the agent can speak for itself (trap T19).
func TestT19OfferDoesNotConfirmWhereFeedbackExists(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		h.offer(offerOf("o1", agent1, unreserved(amounts(1, 512))))
		a := h.reserve("p1", agent1, amounts(1, 512))
		h.offer(offerOf("o2", agent1, reservedFor("p1", amounts(1, 512))))
		h.pending(a)
		h.status(h.operation(1, 0), mesos.OperationDropped, "u")
		h.mustFail(a, ErrNotReserved)
	})
}

func TestAgentWhoseMasterSaysThatItHasNoFeedback(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		h.offer(offerOf("o1", agent1, unreserved(amounts(1, 512))))
		a := h.reserve("p1", agent1, amounts(1, 512))
		h.Status(mesos.OperationStatus{
			OperationID: h.operation(1, 0).ID, State: mesos.OperationError,
			Message: "Operation requested feedback, but agent agent-1 does not have the required AGENT_OPERATION_FEEDBACK capability",
		})
		h.mustFail(a, ErrNotReserved)
		h.offer(offerOf("o2", agent1, unreserved(amounts(1, 512))))
		again := h.reserve("p1", agent1, amounts(1, 512))
		if op := h.operation(2, 0); op.ID != "" {
			t.Fatalf("second RESERVE has ID %q", op.ID)
		}
		h.offer(offerOf("o3", agent1, reservedFor("p1", amounts(1, 512))))
		h.mustReserve(again)
	})
}

// After a master failover the agents are listed before they are back, without
// what they can do. They must not count as ones without feedback.
func TestRecoveredAgentIsNotTakenForMute(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		h.operator.lists(mesos.Agent{ID: agent1.AgentID, Recovered: true})
		signal(h.auditNow)
		time.Sleep(2 * auditPause)
		h.offer(offerOf("o1", agent1, unreserved(amounts(1, 512))))
		h.reserve("p1", agent1, amounts(1, 512))
		if op := h.operation(1, 0); op.ID == "" {
			t.Error("RESERVE without ID: confirmed by a mere offer from now on")
		}
	})
}

func TestUpgradedAgentIsAskedForFeedbackAgain(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		h.makeMute()
		h.operator.lists(agentOf(agent1))
		signal(h.auditNow)
		time.Sleep(2 * auditPause)
		h.offer(offerOf("o1", agent1, unreserved(amounts(1, 512))))
		h.reserve("p1", agent1, amounts(1, 512))
		if op := h.operation(1, 0); op.ID == "" {
			t.Error("RESERVE without ID although the agent has feedback by now")
		}
	})
}

// Nobody reports on a mute agent, so that the agent list is read as soon as
// the time is over, not at the next interval.
func TestSilenceOfAMuteAgentIsDecidedByTheAgentList(t *testing.T) {
	tests := map[string]struct {
		release bool // an UNRESERVE, else a RESERVE
		listed  bool
		want    State
	}{
		"RESERVE arrived":   {false, true, Reserved},
		"RESERVE lost":      {false, false, 0},
		"UNRESERVE arrived": {true, false, 0},
		"UNRESERVE lost":    {true, true, Releasing},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			inHouse(t, func(t *testing.T, h *house) {
				h.makeMute()
				h.offer(offerOf("o1", agent1, unreserved(amounts(1, 512))))
				h.reserve("p1", agent1, amounts(1, 512))
				made := h.operation(1, 0).Portions[0]
				if tt.release {
					h.offer(offerOf("o2", agent1, made))
					h.Settle(Request{Pod: podOf("p1"), Key: agent1}, PodRefused)
					h.accepts(2)
				}
				agent := mesos.Agent{ID: agent1.AgentID, Active: true}
				if tt.listed {
					agent.Reserved = append(agent.Reserved, made)
				}
				h.operator.lists(agent)
				time.Sleep(testOptions.ConfirmTimeout + 2*auditPause)
				h.wantState("p1", agent1, tt.want)
			})
		})
	}
}

func TestFreedTellsThatAHoldWasGivenUp(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		h.offer(offerOf("o1", agent1, unreserved(amounts(2, 512))))
		h.reserve("p1", agent1, amounts(1, 256))
		a := h.reserve("p2", agent1, amounts(1, 256))
		if len(h.freed) != 0 {
			t.Fatal("told although nothing was given up")
		}
		a.hangUp()
		h.mustFail(a, errHungUp)
		if len(h.freed) != 1 || <-h.freed != (offercache.Key{AgentID: agent1.AgentID, Role: testRole}) {
			t.Error("not told that p2's share is free")
		}
	})
}
