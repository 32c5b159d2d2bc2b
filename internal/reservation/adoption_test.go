package reservation

import (
	"testing"
	"time"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/mesos"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

func TestScenario11And12AdoptionAtStart(t *testing.T) {
	tests := map[string]struct {
		live  Liveness
		soon  State // once the pod was looked at
		later State // after the graces
	}{
		"scenario 12 bound":                    {Liveness{Alive: true, Bound: true, AgentID: agent1.AgentID}, Bound, Bound},
		"scenario 11 still wanted":             {Liveness{Alive: true}, Reserved, Releasing},
		"dead":                                 {Liveness{}, Reserved, Releasing},
		"bound elsewhere":                      {Liveness{Alive: true, Bound: true, AgentID: "agent-2"}, Reserved, Releasing},
		"bound to a node that nobody can tell": {Liveness{Alive: true, Bound: true}, Reserved, Reserved},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			restarted(t, func(t *testing.T, h *house) {
				h.operator.lists(agentOf(agent1, reservedFor("p1", one)))
				h.pods.set("p1", tt.live)
				if h.Recovered() {
					t.Fatal("recovered before anything was read")
				}
				h.connect()
				if !h.Recovered() {
					t.Fatal("not recovered after the first audit")
				}
				time.Sleep(2 * tick)
				h.wantState("p1", agent1, tt.soon)
				time.Sleep(testOptions.UnboundGrace + testOptions.OrphanGrace)
				h.wantState("p1", agent1, tt.later)
			})
		})
	}
}

func TestScenario11RetryUsesTheAdoptedReservation(t *testing.T) {
	restarted(t, func(t *testing.T, h *house) {
		h.operator.lists(agentOf(agent1, reservedFor("p1", one)))
		h.pods.set("p1", Liveness{Alive: true})
		h.connect()
		a := h.reserve("p1", agent1, one)
		time.Sleep(testOptions.ConfirmTimeout)
		h.mustReserve(a)
		h.accepts(0)
		h.Settle(a.req, PodBound)
		h.wantState("p1", agent1, Bound)
	})
}

// The master lists what it has sent to an agent that may not have executed it,
// and may be restarted before it does.
func TestT19AdoptedReservationIsNotUsedBeforeItIsProven(t *testing.T) {
	away := mesos.Agent{ID: agent1.AgentID, Feedback: true, Reserved: []resources.Portion{reservedFor("p1", one)}}
	tests := map[string]struct {
		then  mesos.Agent // as listed a moment later
		after func(*house, *attempt)
	}{
		"listed still":                {agentOf(agent1, reservedFor("p1", one)), (*house).mustReserve},
		"the agent never executed it": {agentOf(agent1), func(h *house, a *attempt) { h.mustFail(a, ErrNotReserved) }},
		"the agent is away":           {away, (*house).pending},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			restarted(t, func(t *testing.T, h *house) {
				h.operator.lists(agentOf(agent1, reservedFor("p1", one)))
				h.pods.set("p1", Liveness{Alive: true})
				h.connect()
				a := h.reserve("p1", agent1, one)
				h.offer(offerOf("o1", agent1, reservedFor("p1", one)))
				h.pending(a)
				h.operator.lists(tt.then)
				time.Sleep(testOptions.ConfirmTimeout + 3*auditPause)
				tt.after(h, a)
			})
		})
	}
}

// However long an agent hangs, the master lists what it has sent to it, and says
// when asked that nobody has reported on that yet.
func TestT19AdoptedReservationWaitsForAnAgentThatHangs(t *testing.T) {
	for name, then := range map[string]func(*house){
		"it executes the operation":  func(h *house) { h.operator.waitsFor() },
		"it is restarted before":     func(h *house) { h.operator.waitsFor(); h.operator.lists(agentOf(agent1)) },
		"the master cannot be asked": func(h *house) { h.operator.waitsForErr(errDown) },
	} {
		t.Run(name, func(t *testing.T) {
			restarted(t, func(t *testing.T, h *house) {
				h.operator.lists(agentOf(agent1, reservedFor("p1", one)))
				h.operator.waitsFor(mesos.Pending{AgentID: agent1.AgentID, Portions: []resources.Portion{reservedFor("p1", one)}})
				h.pods.set("p1", Liveness{Alive: true})
				h.connect()
				a := h.reserve("p1", agent1, one)
				time.Sleep(testOptions.ConfirmTimeout + 5*auditPause)
				h.pending(a)
				then(h)
				time.Sleep(lostAfter * 2 * auditPause)
				switch name {
				case "it executes the operation":
					h.mustReserve(a)
				case "it is restarted before":
					h.mustFail(a, ErrNotReserved)
				default:
					h.pending(a)
				}
			})
		})
	}
}

func TestAdoptionFromAnOfferTakesEveryPortion(t *testing.T) {
	restarted(t, func(t *testing.T, h *house) {
		// Part of the pod stands on what an ancestor role had reserved.
		static := resources.Portion{Layers: []resources.Layer{{Role: "k8s"}}}
		upon := static.Push(layer(testCluster, testRole, testPrincipal, podOf("p1"), reservedAt), amounts(2, 0))
		h.cache.Reset(generation)
		h.Connection(true)
		h.operator.fails(errDown) // so that only the offer tells
		h.offer(offerOf("o1", agent1, unreserved(one), upon, reservedFor("p1", one)))
		h.mu.Lock()
		got := h.records[id{"p1", agent1}].vector()
		h.mu.Unlock()
		if want := one.Add(amounts(2, 0)); !got.Equal(want) {
			t.Errorf("adopted %s, want %s", got, want)
		}
	})
}
