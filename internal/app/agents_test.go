package app

import (
	"testing"
	"testing/synctest"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/kube"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/mesos"
)

func TestUnmappedAgentsAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReplica(t, newNode("plain"))
		r.knowing(kube.AgentIdentity{ID: "A1", Hostname: "plain"}, kube.AgentIdentity{ID: "A2", Hostname: "stranger"})
		tests := []struct {
			name   string
			agents []mesos.Agent
			want   float64
			none   bool
		}{
			{"one of two", []mesos.Agent{{ID: "A1"}, {ID: "A2"}}, 1, false},
			{"all", []mesos.Agent{{ID: "A2"}}, 1, true},
			{"no agents", nil, 0, false},
			{"none", []mesos.Agent{{ID: "A1"}}, 0, false},
		}
		for _, tt := range tests {
			r.noteAgents(tt.agents)
			if got := testutil.ToFloat64(r.metrics.unmapped); got != tt.want || r.agents.noneMapped != tt.none {
				t.Errorf("%s: %v unmapped, none mapped %t, want %v and %t", tt.name, got, r.agents.noneMapped, tt.want, tt.none)
			}
		}
	})
}
