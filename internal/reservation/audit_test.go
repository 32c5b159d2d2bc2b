package reservation

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/mesos"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

// restarted runs a test with a manager that has just started, before it
// subscribes.
func restarted(t *testing.T, test func(*testing.T, *house)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(t, newHouse(t)) })
}

var one = amounts(1, 512)

func TestScenario31And32NothingIsReleasedOnWhatCannotBeRead(t *testing.T) {
	t.Run("the master's list", func(t *testing.T) {
		restarted(t, func(t *testing.T, h *house) {
			h.operator.fails(errDown)
			h.connect()
			h.offer(offerOf("o1", agent1, unreserved(one)))
			h.bound(1, "p1", one)
			time.Sleep(10 * testOptions.AuditInterval)
			h.wantState("p1", agent1, Bound)
			if h.Recovered() {
				t.Error("recovered without the master's list")
			}
			h.operator.lists(agentOf(agent1, reservedFor("p1", one)))
			time.Sleep(2 * auditRetry)
			synctest.Wait()
			if !h.Recovered() {
				t.Error("not recovered although the list can be read again")
			}
			h.wantState("p1", agent1, Bound)
		})
	})
	t.Run("the pod", func(t *testing.T) {
		restarted(t, func(t *testing.T, h *house) {
			h.operator.lists(agentOf(agent1, reservedFor("p1", one)))
			h.pods.fails(errDown)
			h.connect()
			time.Sleep(10 * testOptions.UnboundGrace)
			h.wantState("p1", agent1, Reserved)
			if n := h.pods.questions(); n > 310 {
				t.Errorf("%d questions in ten minutes about one pod", n)
			}
			h.pods.fails(nil) // now it is known to be dead
			time.Sleep(settleRetry + tick)
			h.wantState("p1", agent1, Reserved)
			time.Sleep(testOptions.OrphanGrace + settleRetry)
			h.wantState("p1", agent1, Releasing)
		})
	})
	t.Run("the pod, after it was seen dead once", func(t *testing.T) {
		restarted(t, func(t *testing.T, h *house) {
			h.operator.lists(agentOf(agent1, reservedFor("p1", one)))
			h.connect()
			h.pods.fails(errDown)
			time.Sleep(10 * testOptions.OrphanGrace)
			h.wantState("p1", agent1, Reserved)
		})
	})
}

func TestOrphanThatLivesAfterAllIsKept(t *testing.T) {
	restarted(t, func(t *testing.T, h *house) {
		h.operator.lists(agentOf(agent1, reservedFor("p1", one)))
		h.connect()
		time.Sleep(testOptions.OrphanGrace / 2)
		h.pods.set("p1", Liveness{Alive: true})
		time.Sleep(testOptions.OrphanGrace/2 + settleRetry)
		h.wantState("p1", agent1, Reserved)
		h.pods.set("p1", Liveness{}) // dead again: a new grace begins
		time.Sleep(testOptions.UnboundGrace - testOptions.OrphanGrace)
		h.wantState("p1", agent1, Reserved)
		time.Sleep(testOptions.OrphanGrace + 2*settleRetry)
		h.wantState("p1", agent1, Releasing)
	})
}

func TestScenario28OnlyOurOwnIsEverTouched(t *testing.T) {
	mine := reservedFor("mine", one)
	relabelled := func(change func(*resources.Layer)) resources.Portion {
		top := layer(testCluster, testRole, testPrincipal, podOf("foreign"), reservedAt)
		change(&top)
		return unreserved(one).Push(top, one)
	}
	foreign := map[string]resources.Portion{
		"another cluster's":        relabelled(func(l *resources.Layer) { l.Labels[0].Value = "cluster-2" }),
		"without labels":           relabelled(func(l *resources.Layer) { l.Labels = nil }),
		"without the pod's UID":    relabelled(func(l *resources.Layer) { l.Labels = l.Labels[:3] }),
		"with an empty UID":        relabelled(func(l *resources.Layer) { l.Labels[3].Value = "" }),
		"without the cluster":      relabelled(func(l *resources.Layer) { l.Labels = l.Labels[1:] }),
		"static":                   relabelled(func(l *resources.Layer) { l.Dynamic = false }),
		"on top of one of ours":    mine.Push(resources.Layer{Dynamic: true, Role: testRole + "/sub"}, one),
		"with the label elsewhere": relabelled(func(l *resources.Layer) { l.Labels[0].Key = "example.com/cluster" }),
	}
	for name, portion := range foreign {
		t.Run(name, func(t *testing.T) {
			inHouse(t, func(t *testing.T, h *house) {
				h.operator.lists(agentOf(agent1, portion))
				h.offer(offerOf("o1", agent1, portion))
				signal(h.auditNow)
				time.Sleep(5 * time.Minute)
				h.wantQuiet()
				h.accepts(0)
				if len(h.operator.undone()) != 0 {
					t.Errorf("unreserved %+v by the operator API", h.operator.undone())
				}
			})
		})
	}
}

// A reservation of ours is released from an offer that also holds others'.
func TestReleaseTouchesOnlyThePodsOwnPortion(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		h.offer(offerOf("o1", agent1, unreserved(one)))
		h.bound(1, "p1", one)
		h.Release("p1", "deleted")
		other := reservedFor("p1", one)
		other.Layers[0].Labels[0].Value = "cluster-2"
		h.offer(offerOf("o2", agent1, other, reservedFor("p2", one), reservedFor("p1", one)))
		ops := h.accepts(2)[1].Operations
		if len(ops) != 1 || len(ops[0].Portions) != 1 || !ops[0].Portions[0].SameStack(reservedFor("p1", one)) ||
			!ops[0].Portions[0].Vector.Equal(one) {
			t.Fatalf("unreserved %+v, want p1's own portion", ops)
		}
	})
}

func TestScenario22UnreachableAgentKeepsItsReservations(t *testing.T) {
	tests := map[string]mesos.Agent{
		"inactive":      {ID: agent1.AgentID, Feedback: true},
		"not back yet":  {ID: agent1.AgentID, Recovered: true},
		"listed in all": agentOf(agent1, reservedFor("p1", one)),
	}
	for name, agent := range tests {
		t.Run(name, func(t *testing.T) {
			inHouse(t, func(t *testing.T, h *house) {
				h.offer(offerOf("o1", agent1, unreserved(one)))
				h.bound(1, "p1", one)
				h.operator.lists(agent)
				time.Sleep(20 * testOptions.AuditInterval)
				h.wantState("p1", agent1, Bound)
			})
		})
	}
}

func TestScenario24AgentGoneClosesItsRecords(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		h.offer(offerOf("o1", agent1, unreserved(amounts(3, 1536))))
		h.bound(1, "held", one)
		h.offer(offerOf("o2", agent1, unreserved(amounts(2, 1024))))
		h.bound(2, "releasing", one)
		h.Release("releasing", "deleted")
		h.offer(offerOf("o3", agent1, unreserved(one)))
		inFlight := h.reserve("in-flight", agent1, one)
		h.operator.lists(agentOf(agent2))
		h.operator.refuses(errDown)
		time.Sleep(2 * testOptions.AuditInterval)
		inFlight.hangUp()
		h.mustFail(inFlight, errHungUp)
		time.Sleep(3 * testOptions.AuditInterval)
		h.wantQuiet()
		if got := testutil.ToFloat64(h.metrics.lost); got != 1 {
			t.Errorf("%v reservations of running pods were lost, want 1: its owner must know", got)
		}
		calls := len(h.operator.undone())
		time.Sleep(time.Hour)
		if len(h.operator.undone()) != calls {
			t.Error("still unreserving on an agent that is gone")
		}
	})
}

func TestAgentAbsentOnceIsForgiven(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		h.offer(offerOf("o1", agent1, unreserved(one)))
		h.bound(1, "p1", one)
		for range 5 {
			h.operator.lists()
			time.Sleep(time.Duration(goneAfter-1) * testOptions.AuditInterval)
			h.operator.lists(agentOf(agent1, reservedFor("p1", one)))
			time.Sleep(testOptions.AuditInterval)
		}
		h.wantState("p1", agent1, Bound)
		if got := testutil.ToFloat64(h.metrics.adopted); got != 0 {
			t.Errorf("adopted %v times: its record was closed in between", got)
		}
	})
}

func TestScenario23AgentBackUnderANewID(t *testing.T) {
	reborn := agent2
	inHouse(t, func(t *testing.T, h *house) {
		h.offer(offerOf("o1", agent1, unreserved(one)))
		h.bound(1, "p1", one)
		// The map of nodes still names the old agent when the new one is seen.
		h.operator.lists(agentOf(reborn, reservedFor("p1", one)))
		h.offer(offerOf("o2", reborn, reservedFor("p1", one)))
		h.NoteBound("p1", agent1.AgentID, 0)
		time.Sleep(testOptions.OrphanGrace / 2)
		h.wantState("p1", reborn, Reserved)
		h.pods.set("p1", Liveness{Alive: true, Bound: true, AgentID: reborn.AgentID})
		h.NoteBound("p1", reborn.AgentID, 0)
		time.Sleep(5 * testOptions.AuditInterval)
		h.wantState("p1", reborn, Bound)
		h.wantState("p1", agent1, 0)
		h.accepts(1) // nothing was unreserved
		if len(h.operator.undone()) != 0 {
			t.Errorf("unreserved %+v", h.operator.undone())
		}
	})
}

// The agent comes back under another ID while the Binding is on its way to the
// node that has stood for the former one.
func TestScenario23AgentBackUnderANewIDDuringABind(t *testing.T) {
	reborn := agent2
	tests := map[string]struct {
		flight time.Duration // of the Binding, after the agent is back
	}{
		"a quick Binding":        {time.Second},
		"one beyond every grace": {testOptions.UnboundGrace + testOptions.AuditInterval},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			inHouse(t, func(t *testing.T, h *house) {
				h.pods.set("p1", Liveness{Alive: true})
				h.offer(offerOf("o1", agent1, unreserved(one)))
				a := h.reserve("p1", agent1, one)
				h.finish(h.operation(1, 0))
				h.mustReserve(a)
				h.operator.lists(agentOf(reborn, reservedFor("p1", one)))
				h.offer(offerOf("o2", reborn, reservedFor("p1", one)))
				time.Sleep(tt.flight)
				h.pods.set("p1", Liveness{Alive: true, Bound: true, AgentID: agent1.AgentID})
				h.Settle(a.req, PodBound)
				time.Sleep(testOptions.OrphanGrace / 2)
				h.pods.set("p1", Liveness{Alive: true, Bound: true, AgentID: reborn.AgentID})
				time.Sleep(5 * testOptions.AuditInterval)
				h.wantState("p1", reborn, Bound)
				h.wantState("p1", agent1, 0)
				h.accepts(1) // nothing was unreserved
				if len(h.operator.undone()) != 0 {
					t.Errorf("unreserved %+v", h.operator.undone())
				}
			})
		})
	}
}

func TestLostReservationIsReported(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		h.offer(offerOf("o1", agent1, unreserved(one)))
		h.bound(1, "p1", one)
		h.operator.lists(agentOf(agent1))
		time.Sleep(testOptions.AuditInterval + 2*auditPause)
		h.wantQuiet()
		if got := testutil.ToFloat64(h.metrics.lost); got != 1 {
			t.Errorf("lost counter is %v, want 1", got)
		}
	})
}

// One audit may have been under way while the reservation was made.
func TestListMadeBeforeTheReservationLosesNothing(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		h.operator.answersAfter(3 * time.Second)
		signal(h.auditNow)
		time.Sleep(time.Second)
		h.offer(offerOf("o1", agent1, unreserved(one)))
		h.bound(1, "p1", one)
		h.operator.lists(agentOf(agent1, reservedFor("p1", one)))
		time.Sleep(time.Minute)
		h.wantState("p1", agent1, Bound)
	})
}

// Neither an old list nor an old offer brings a released reservation back.
func TestReleasedReservationIsNotAdoptedAgain(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		h.offer(offerOf("o1", agent1, unreserved(one)))
		h.bound(1, "p1", one)
		h.Release("p1", "deleted")
		h.operator.lists(agentOf(agent1, reservedFor("p1", one)))
		h.operator.answersAfter(3 * time.Second)
		signal(h.auditNow)
		time.Sleep(time.Second)
		h.released(2, "p1", agent1, one)
		h.operator.lists(agentOf(agent1))
		h.offer(offerOf("late", agent1, reservedFor("p1", one)))
		time.Sleep(10 * time.Second)
		h.wantQuiet()
	})
}

func TestLeftoverOfALostRaceIsFoundAndReleased(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		h.offer(offerOf("o1", agent1, unreserved(one)))
		a := h.reserve("p1", agent1, one)
		h.status(h.operation(1, 0), mesos.OperationError, "")
		h.mustFail(a, ErrNotReserved)
		// Mesos made it all the same.
		h.operator.lists(agentOf(agent1, reservedFor("p1", one)))
		time.Sleep(testOptions.AuditInterval + testOptions.OrphanGrace + settleRetry)
		h.released(2, "p1", agent1, one)
		h.operator.lists(agentOf(agent1))
		time.Sleep(2 * testOptions.AuditInterval)
		h.wantQuiet()
	})
}

func TestOccupantsFollowWhatTheMasterLists(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		h.offer(offerOf("o1", agent1, unreserved(one)))
		h.bound(1, "p1", one)
		h.operator.lists(agentOf(agent1, reservedFor("p1", amounts(2, 1024))))
		time.Sleep(testOptions.AuditInterval)
		synctest.Wait()
		got := h.On(agent1.AgentID, testRole)
		if len(got) != 1 || !got[0].Reserved.Equal(amounts(2, 1024)) {
			t.Errorf("occupants are %+v, want the amounts that are listed", got)
		}
	})
}

func TestAgentListIsNotReadInAHotLoop(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		before := h.operator.readings()
		for range 1000 {
			signal(h.auditNow)
			time.Sleep(10 * time.Millisecond)
		}
		if n := h.operator.readings() - before; n > 12 {
			t.Errorf("agent list read %d times in 10 s", n)
		}
	})
}

func TestNoAuditWithoutSubscription(t *testing.T) {
	restarted(t, func(t *testing.T, h *house) {
		time.Sleep(10 * testOptions.AuditInterval)
		if h.operator.readings() != 0 || h.Recovered() {
			t.Errorf("%d readings without a subscription, recovered: %v", h.operator.readings(), h.Recovered())
		}
	})
}
