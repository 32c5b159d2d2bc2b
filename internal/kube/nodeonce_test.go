package kube

import (
	"errors"
	"testing"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/kube/kubetest"
)

func TestMapNodes(t *testing.T) {
	cluster := kubetest.New(newNode("h1", "", "", ""), newNode("h2", "", "10.0.0.2", ""), newNode("h3", "", "", ""))
	agents := []AgentIdentity{
		agent("A3b", "h3", ""), agent("A2", "other", "10.0.0.2"), agent("A1", "h1", ""), agent("A3a", "h3", ""),
	}
	nodes, err := MapNodes(t.Context(), cluster.Client(), agents)
	if err != nil {
		t.Fatal(err)
	}
	for node, want := range map[string]string{"h1": "A1", "h2": "A2", "h3": ""} {
		if got, _ := nodes.Agent(node); got != want {
			t.Errorf("node %s is agent %q, want %q", node, got, want)
		}
	}
	if _, why := nodes.Agent("h3"); why != Ambiguous {
		t.Errorf("node h3 is %v, want ambiguous", why)
	}
	down := errors.New("connection refused")
	cluster.Fail("list", "nodes", 1, down)
	if _, err := MapNodes(t.Context(), cluster.Client(), agents); !errors.Is(err, down) {
		t.Errorf("error %v, want %v", err, down)
	}
}
