package neighbour

import (
	"context"
	"testing"
	"time"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/mesossim"
)

// patience bounds what the emulated master does within moments.
const patience = 15 * time.Second

// cluster starts an emulated master with two agents that allocates quickly.
func cluster(t *testing.T) *mesossim.Sim {
	t.Helper()
	sim, err := mesossim.Start(t.Context(), mesossim.Options{
		MasterFlags: []string{"--allocation_interval=50ms"},
		Agents:      []mesossim.AgentSpec{{Hostname: "a"}, {Hostname: "b"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sim.Close() })
	return sim
}

func join(t *testing.T, sim *mesossim.Sim, name string, policy Policy) *Neighbour {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	n, err := Start(ctx, Options{Master: sim.URL(), Name: name, Role: name, Policy: policy})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Stop)
	return n
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %s", what, patience)
		}
	}
}

// reserved lists by hostname the CPUs that are reserved to a role.
func reserved(sim *mesossim.Sim, role string) map[string]float64 {
	out := map[string]float64{}
	for _, agent := range sim.Books().Agents {
		for _, r := range agent.OnDisk {
			if r.Role == role {
				out[agent.Hostname] += r.Amounts["cpus"]
			}
		}
	}
	return out
}

func TestTakeAndLeave(t *testing.T) {
	sim := cluster(t)
	n := join(t, sim, "spark", Take(func(agent Agent) bool { return agent.Hostname == "a" && agent.ID != "" }))
	eventually(t, "agent a reserved", func() bool { return n.Reserved() == 1 && n.Hosts()["a"] == 1 })
	if got := reserved(sim, "spark"); len(got) != 1 || got["a"] != 8 {
		t.Errorf("reserved are %v, want all of a", got)
	}
	other := join(t, sim, "other", Keep())
	eventually(t, "the rest offered to another", func() bool { return other.Hosts()["b"] == 1 })
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := n.Leave(ctx); err != nil {
		t.Fatal(err)
	}
	eventually(t, "agent a offered to another", func() bool { return other.Hosts()["a"] == 1 })
	if got := reserved(sim, "spark"); len(got) != 0 {
		t.Errorf("%v is still reserved", got)
	}
	for _, framework := range sim.Books().Frameworks {
		if framework.Name == "spark" {
			t.Errorf("the framework is still registered: %+v", framework)
		}
	}
}

func TestLetGoRefusesWhatComesLater(t *testing.T) {
	sim := cluster(t)
	n := join(t, sim, "spark", Keep())
	eventually(t, "both agents held", func() bool { return len(n.Hosts()) == 2 })
	if err := n.LetGo(t.Context()); err != nil {
		t.Fatal(err)
	}
	other := join(t, sim, "other", Keep())
	eventually(t, "both agents offered to another", func() bool { return len(other.Hosts()) == 2 })
	if hosts := n.Hosts(); len(hosts) != 0 {
		t.Errorf("offers of %v are still held", hosts)
	}
}

func TestChurnTakesTurns(t *testing.T) {
	sim := cluster(t)
	churner := join(t, sim, "churner", Churn(30*time.Millisecond, 200*time.Millisecond))
	keeper := join(t, sim, "keeper", Keep())
	eventually(t, "the agents declined at last", func() bool { return len(keeper.Hosts()) == 2 })
	if err := churner.Problem(); err != nil {
		t.Error(err)
	}
}

func TestResubscribes(t *testing.T) {
	sim := cluster(t)
	n := join(t, sim, "spark", Take(func(Agent) bool { return true }))
	eventually(t, "both agents reserved", func() bool { return n.Reserved() == 2 })
	sim.Disconnect("spark")
	eventually(t, "the offers gone", func() bool { return n.Problem() != nil })
	eventually(t, "the reservations offered again", func() bool { return len(n.Hosts()) == 2 })
	if count := len(sim.Books().Frameworks); count != 1 {
		t.Errorf("%d frameworks are registered, want the same one again", count)
	}
}

func TestStartGivesUp(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := Start(ctx, Options{Master: "http://127.0.0.1:1", Name: "x", Role: "x", Policy: Keep()}); err == nil {
		t.Error("subscribed to nobody")
	}
}
