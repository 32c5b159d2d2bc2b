package reservation

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/mesos"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

// withoutTime is a reservation as versions made it that wrote no time.
func withoutTime(uid string, v resources.Vector) resources.Portion {
	top := layer(testCluster, testRole, testPrincipal, podOf(uid), reservedAt)
	top.Labels = top.Labels[:len(top.Labels)-1]
	return unreserved(v).Push(top, v)
}

func TestList(t *testing.T) {
	badTime := withoutTime("p4", one)
	badTime.Layers[0].Labels = append(badTime.Layers[0].Labels, resources.Label{Key: timeLabel, Value: "yesterday"})
	foreign := unreserved(one).Push(layer("another", testRole, testPrincipal, podOf("theirs"), reservedAt), one)
	grownAt := reservedAt.Add(time.Hour)
	static := resources.Portion{Layers: []resources.Layer{{Role: "k8s"}}}
	agents := []mesos.Agent{
		{ID: "agent-2", Hostname: "h2", Reserved: []resources.Portion{
			badTime, foreign, withoutTime("p3", one), reservedFor("p1", one), {Vector: one},
		}},
		{ID: "agent-1", Hostname: "h1", Reserved: []resources.Portion{
			reservedFor("p2", amounts(1, 0)), reservedFor("p1", amounts(1, 0)),
			static.Push(layer(testCluster, testRole, testPrincipal, podOf("p2"), grownAt), amounts(2, 64)),
			withoutTime("p1", amounts(1, 0)), // an older part of a reservation that grew
		}},
		{ID: "agent-3", Recovered: true},
	}
	row := func(uid, agent, host string, at time.Time, v resources.Vector) Listed {
		return Listed{Pod: podOf(uid), AgentID: agent, Hostname: host, Role: testRole, ReservedAt: at, Reserved: v}
	}
	want := []Listed{
		row("p1", "agent-1", "h1", reservedAt, amounts(2, 0)),
		row("p1", "agent-2", "h2", reservedAt, one),
		row("p2", "agent-1", "h1", reservedAt, amounts(3, 64)),
		row("p3", "agent-2", "h2", time.Time{}, one),
		row("p4", "agent-2", "h2", time.Time{}, one),
	}
	if diff := cmp.Diff(want, List(testCluster, agents)); diff != "" {
		t.Errorf("List (-want +got):\n%s", diff)
	}
}

// What an older version reserved is adopted and released like any other.
func TestReservationWithoutItsTimeIsOurs(t *testing.T) {
	restarted(t, func(t *testing.T, h *house) {
		h.operator.lists(agentOf(agent1, withoutTime("p1", one)))
		h.pods.set("p1", Liveness{Alive: true, Bound: true, AgentID: agent1.AgentID})
		h.connect()
		h.wantState("p1", agent1, Bound)
		h.Release("p1", "deleted")
		h.offer(offerOf("o1", agent1, withoutTime("p1", one)))
		op := h.operation(1, 0)
		if diff := cmp.Diff([]resources.Portion{withoutTime("p1", one)}, op.Portions); op.Type != mesos.Unreserve || diff != "" {
			t.Errorf("UNRESERVE (-want +got):\n%s", diff)
		}
	})
}
