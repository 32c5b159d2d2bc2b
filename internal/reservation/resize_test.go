package reservation

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/mesos"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

// has fails the test unless the book has these amounts for a pod on agent1.
func (h *house) has(uid string, want resources.Vector) {
	h.t.Helper()
	synctest.Wait()
	h.mu.Lock()
	defer h.mu.Unlock()
	if r := h.records[id{uid, agent1}]; r == nil || !r.vector().Equal(want) {
		h.t.Fatalf("reservation of %s: %+v, want %s", uid, r, want)
	}
}

// resizing starts with a bound pod that has amounts(2, 1024), of an agent that
// has as much again; what is left of the offer is not back yet.
func resizing(t *testing.T, test func(*testing.T, *house)) {
	inHouse(t, func(t *testing.T, h *house) {
		h.offer(offerOf("o1", agent1, unreserved(amounts(4, 2048))))
		h.bound(1, "p1", amounts(2, 1024))
		h.operator.lists(agentOf(agent1, reservedFor("p1", amounts(2, 1024))), agentOf(agent2))
		h.Resize("p1", amounts(2, 1024)) // as it is: nothing happens
		h.accepts(1)
		test(t, h)
	})
}

func TestShrinkUnreservesTheSurplus(t *testing.T) {
	resizing(t, func(t *testing.T, h *house) {
		h.Resize("p1", amounts(1, 512))
		h.Resize("p1", amounts(1, 512))
		if got := h.Wanting(); got[testRole] != 1 {
			t.Errorf("Wanting() = %v, want offers for the surplus", got)
		}
		h.offer(offerOf("o2", agent1, unreserved(amounts(2, 1024)), reservedFor("p1", amounts(2, 1024))))
		op := h.operation(2, 0)
		want := mesos.Operation{ID: op.ID, Type: mesos.Unreserve, Role: testRole, Portions: []resources.Portion{reservedFor("p1", amounts(1, 512))}}
		if diff := cmp.Diff(want, op); diff != "" {
			t.Fatalf("operation (-want +got):\n%s", diff)
		}
		h.finish(op)
		h.has("p1", amounts(1, 512))
		h.wantState("p1", agent1, Bound)
		if on := h.On(agent1.AgentID, testRole); len(on) != 1 || !on[0].Reserved.Equal(amounts(1, 512)) {
			t.Errorf("occupants %v", on)
		}
		h.offer(offerOf("o3", agent1, reservedFor("p1", amounts(1, 512))))
		h.accepts(2)
		if got := h.Wanting(); len(got) != 0 {
			t.Errorf("Wanting() = %v when it fits", got)
		}
	})
}

func TestGrowReservesUnderTheSameLabels(t *testing.T) {
	resizing(t, func(t *testing.T, h *house) {
		time.Sleep(time.Second) // so that the labels would name another time
		h.offer(offerOf("o2", agent1, unreserved(amounts(2, 1024)), reservedFor("p1", amounts(2, 1024))))
		h.Resize("p1", amounts(3, 1024))
		op := h.operation(2, 0)
		want := mesos.Operation{ID: op.ID, Type: mesos.Reserve, Role: testRole, Portions: []resources.Portion{reservedFor("p1", amounts(1, 0))}}
		if diff := cmp.Diff(want, op); diff != "" {
			t.Fatalf("operation (-want +got):\n%s", diff)
		}
		h.has("p1", amounts(2, 1024)) // until Mesos has confirmed it
		h.finish(op)
		h.has("p1", amounts(3, 1024))
		h.wantState("p1", agent1, Bound)
		h.Release("p1", "the pod was deleted")
		h.released(3, "p1", agent1, amounts(3, 1024))
		h.wantQuiet()
	})
}

func TestGrowWaitsForOffersAndTellsOnce(t *testing.T) {
	resizing(t, func(t *testing.T, h *house) {
		h.offer(offerOf("o2", agent1, unreserved(amounts(1, 100)))) // the rest went to others
		h.Resize("p1", amounts(4, 1024))
		h.accepts(1)
		if got := h.Wanting(); got[testRole] != 1 {
			t.Errorf("Wanting() = %v, want offers for the growth", got)
		}
		if got := told(h.waits); got != nil {
			t.Errorf("told at once that %v waits: offers were only asked for", got)
		}
		time.Sleep(testOptions.RemainderWait + 2*tick)
		h.offer(offerOf("o3", agent1, unreserved(amounts(0, 100))))
		time.Sleep(time.Minute)
		if diff := cmp.Diff([]string{"p1"}, told(h.waits)); diff != "" {
			t.Errorf("told of (-want +got):\n%s", diff)
		}
		h.rescind("o2")
		h.offer(offerOf("o4", agent1, unreserved(amounts(2, 100))))
		h.finish(h.operation(2, 0))
		h.has("p1", amounts(4, 1024))
		if diff := cmp.Diff([]string{"p1"}, told(h.resized)); diff != "" {
			t.Errorf("told of (-want +got):\n%s", diff)
		}
		if got := h.Wanting(); len(got) != 0 {
			t.Errorf("Wanting() = %v when it fits", got)
		}
	})
}

func TestSurplusGoesBeforeAShortageComes(t *testing.T) {
	resizing(t, func(t *testing.T, h *house) {
		h.Resize("p1", amounts(1, 1536))
		h.offer(offerOf("o2", agent1, unreserved(amounts(2, 1024)), reservedFor("p1", amounts(2, 1024))))
		if op := h.operation(2, 0); op.Type != mesos.Unreserve || len(h.accepts(2)[1].Operations) != 1 {
			t.Fatalf("%+v leaves first, want the UNRESERVE alone", op)
		}
		h.finish(h.operation(2, 0))
		h.offer(offerOf("o3", agent1, unreserved(amounts(3, 1024)), reservedFor("p1", amounts(1, 1024))))
		h.finish(h.operation(3, 0))
		h.has("p1", amounts(1, 1536))
	})
}

func TestGrownPodShrinksBelowItsFirstSize(t *testing.T) {
	resizing(t, func(t *testing.T, h *house) {
		h.offer(offerOf("o2", agent1, unreserved(amounts(2, 1024)), reservedFor("p1", amounts(2, 1024))))
		h.Resize("p1", amounts(3, 1024))
		growth := h.operation(2, 0)
		h.Resize("p1", amounts(1, 256)) // while the RESERVE is in flight
		h.finish(growth)
		h.has("p1", amounts(3, 1024))
		h.offer(offerOf("o3", agent1, reservedFor("p1", amounts(3, 1024))))
		h.finish(h.operation(3, 0))
		h.has("p1", amounts(1, 256))
	})
}

func TestResizedPodEnds(t *testing.T) {
	tests := map[string]struct {
		need resources.Vector
		// after is what is reserved once the operation in flight has finished.
		after resources.Vector
	}{
		"while it grows":   {amounts(3, 1024), amounts(3, 1024)},
		"while it shrinks": {amounts(1, 1024), amounts(1, 1024)},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			resizing(t, func(t *testing.T, h *house) {
				h.offer(offerOf("o2", agent1, unreserved(amounts(2, 1024)), reservedFor("p1", amounts(2, 1024))))
				h.Resize("p1", tt.need)
				op := h.operation(2, 0)
				h.Release("p1", "the pod was deleted")
				h.Resize("p1", amounts(9, 9))
				h.wantState("p1", agent1, Releasing)
				h.finish(op)
				h.has("p1", tt.after)
				h.released(3, "p1", agent1, tt.after)
				h.wantQuiet()
			})
		})
	}
	t.Run("while it waits to grow", func(t *testing.T) {
		resizing(t, func(t *testing.T, h *house) {
			h.Resize("p1", amounts(3, 1024)) // held against the rest of the first offer
			synctest.Wait()
			if s := h.cache.Stats(); s.HoldsWaiting != 1 {
				t.Fatalf("%+v, want a hold", s)
			}
			h.Release("p1", "the pod was deleted")
			h.released(2, "p1", agent1, amounts(2, 1024))
			h.wantQuiet()
		})
	})
}

func TestRefusedGrowthIsTriedAgainLater(t *testing.T) {
	resizing(t, func(t *testing.T, h *house) {
		h.offer(offerOf("o2", agent1, unreserved(amounts(2, 1024))))
		h.Resize("p1", amounts(3, 1024))
		h.status(h.operation(2, 0), mesos.OperationError, "")
		h.has("p1", amounts(2, 1024))
		h.wantState("p1", agent1, Bound)
		h.offer(offerOf("o3", agent1, unreserved(amounts(2, 1024))))
		h.accepts(2) // not at once
		time.Sleep(time.Second + 2*tick)
		h.finish(h.operation(3, 0))
		h.has("p1", amounts(3, 1024))
	})
}

func TestBindOfAGrownPodThatRunsChangesNothing(t *testing.T) {
	resizing(t, func(t *testing.T, h *house) {
		h.Resize("p1", amounts(9, 1024))
		h.mustReserve(h.reserve("p1", agent1, amounts(9, 1024)))
		h.wantState("p1", agent1, Bound)
	})
}

// A pod was resized while no extender ran.
func TestAdoptedReservationFollowsThePod(t *testing.T) {
	tests := map[string]struct {
		need resources.Vector
		kind mesos.OperationType
	}{
		"it grew":    {amounts(3, 1024), mesos.Reserve},
		"it shrank":  {amounts(1, 1024), mesos.Unreserve},
		"it did not": {amounts(2, 1024), 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			restarted(t, func(t *testing.T, h *house) {
				had := reservedFor("p1", amounts(2, 1024))
				h.pods.set("p1", Liveness{Alive: true, Bound: true, AgentID: agent1.AgentID, Need: tt.need})
				h.operator.lists(agentOf(agent1, had), agentOf(agent2))
				h.connect()
				time.Sleep(2 * tick)
				h.wantState("p1", agent1, Bound)
				h.offer(offerOf("o1", agent1, unreserved(amounts(1, 0)), had))
				if tt.kind == 0 {
					h.accepts(0)
					return
				}
				op := h.operation(1, 0)
				if op.Type != tt.kind || !total(op.Portions).Equal(amounts(1, 0)) {
					t.Fatalf("operation %+v", op)
				}
				h.finish(op)
				h.has("p1", tt.need)
			})
		})
	}
}

// An offer may show one half of a reservation: nobody may reserve the other
// half again.
func TestAdoptedReservationIsNotResizedBeforeItIsKnown(t *testing.T) {
	restarted(t, func(t *testing.T, h *house) {
		h.operator.fails(errDown)
		h.pods.set("p1", Liveness{Alive: true, Bound: true, AgentID: agent1.AgentID, Need: amounts(2, 0)})
		h.connect()
		h.offer(offerOf("o1", agent1, unreserved(amounts(4, 0)), reservedFor("p1", amounts(1, 0))))
		time.Sleep(settleRetry)
		h.wantState("p1", agent1, Bound)
		h.accepts(0)
		h.operator.lists(agentOf(agent1, reservedFor("p1", amounts(2, 0))), agentOf(agent2))
		time.Sleep(3 * auditPause)
		h.has("p1", amounts(2, 0))
		h.accepts(0)
	})
}

// The agent has no operation feedback: the master's list tells.
func TestResizeOfAMuteAgent(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		mute := func(v resources.Vector) mesos.Agent {
			return mesos.Agent{ID: agent1.AgentID, Active: true, Reserved: []resources.Portion{reservedFor("p1", v)}}
		}
		h.pods.set("p1", Liveness{Alive: true, Bound: true, AgentID: agent1.AgentID, Need: amounts(2, 0)})
		h.operator.lists(mute(amounts(2, 0)), agentOf(agent2))
		h.Connection(true) // audits again
		time.Sleep(2 * auditPause)
		h.wantState("p1", agent1, Bound)
		for n, need := range []resources.Vector{amounts(3, 0), amounts(1, 0)} {
			h.Resize("p1", need)
			h.offer(offerOf("o"+need.String(), agent1, unreserved(amounts(4, 0)), reservedFor("p1", amounts(3, 0))))
			if op := h.operation(n+1, 0); op.ID != "" {
				t.Fatalf("operation %+v of an agent that cannot answer", op)
			}
			h.operator.lists(mute(need), agentOf(agent2))
			time.Sleep(testOptions.ConfirmTimeout + 3*auditPause)
			h.has("p1", need)
		}
	})
}
