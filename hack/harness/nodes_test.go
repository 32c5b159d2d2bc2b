package harness

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/kube-mesos-extender/kube-mesos-extender/hack/harness/masterapi"
	"github.com/kube-mesos-extender/kube-mesos-extender/hack/lab"
)

func TestNodesOfAgents(t *testing.T) {
	total := masterapi.Scalars{"cpus": 7500, "mem": 1024000, "disk": 2048000}
	tests := []struct {
		name   string
		agents []masterapi.Agent
		want   []lab.NodeSpec
	}{
		{
			name:   "named after the host",
			agents: []masterapi.Agent{{ID: "S0", Hostname: "node-0", Total: total}},
			want:   []lab.NodeSpec{{Name: "node-0", CPUMillis: 7500, MemoryMiB: 1024, EphemeralStorageMiB: 2048}},
		},
		{
			name:   "with GPUs",
			agents: []masterapi.Agent{{ID: "S0", Hostname: "node-0", Total: masterapi.Scalars{"gpus": 2000}}},
			want:   []lab.NodeSpec{{Name: "node-0", Extended: map[corev1.ResourceName]int64{gpuResource: 2}}},
		},
		{
			name: "agents that share a host, and a host whose name is no node name",
			agents: []masterapi.Agent{
				{ID: "S0", Hostname: "same"}, {ID: "S1", Hostname: "same"}, {ID: "S2", Hostname: "Upper_Case"},
			},
			want: []lab.NodeSpec{
				{Name: "agent-f87980c88a", Annotations: map[string]string{agentAnnotation: "S0"}},
				{Name: "agent-3696ad5977", Annotations: map[string]string{agentAnnotation: "S1"}},
				{Name: "agent-adfa2b24c2", Annotations: map[string]string{agentAnnotation: "S2"}},
			},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, nodesOf(test.agents)); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}
