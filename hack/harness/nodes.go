package harness

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/kube-mesos-extender/kube-mesos-extender/hack/harness/masterapi"
	"github.com/kube-mesos-extender/kube-mesos-extender/hack/lab"
)

// agentAnnotation names a node's agent where names do not tell.
const agentAnnotation = "kube-mesos-extender.io/agent"

// gpuResource is the extended resource that becomes Mesos gpus.
const gpuResource corev1.ResourceName = "nvidia.com/gpu"

// createNodes makes a fake node of each of the master's agents.
func (h *Harness) createNodes(ctx context.Context) error {
	var agents []masterapi.Agent
	err := Await(ctx, startTimeout, "agents of the master", func(ctx context.Context) (err error) {
		if agents, err = h.Mesos.Agents(ctx); err == nil && len(agents) < max(1, h.options.Agents) {
			err = fmt.Errorf("%d agents are registered", len(agents))
		}
		return err
	})
	if err != nil {
		return err
	}
	specs := nodesOf(agents)
	h.nodes = make(map[string]string, len(agents))
	for i, agent := range agents {
		h.nodes[agent.ID] = specs[i].Name
		specs[i].CPUMillis += h.options.SpareCPUs * 1000
	}
	return lab.CreateNodes(ctx, h.Client, specs)
}

// NodeName is the node that was made of an agent, by the agent's ID.
func (h *Harness) NodeName(agentID string) string { return h.nodes[agentID] }

// nodesOf names nodes after the agents' hosts. Agents that share a host, or
// whose host's name is no node name, get a name of their own and are found by
// annotation.
func nodesOf(agents []masterapi.Agent) []lab.NodeSpec {
	sharing := map[string]int{}
	for _, agent := range agents {
		sharing[agent.Hostname]++
	}
	specs := make([]lab.NodeSpec, len(agents))
	for i, agent := range agents {
		specs[i] = nodeOf(agent)
		if sharing[agent.Hostname] > 1 || len(validation.IsDNS1123Subdomain(agent.Hostname)) > 0 {
			sum := sha256.Sum256([]byte(agent.ID))
			specs[i].Name = "agent-" + hex.EncodeToString(sum[:5])
			specs[i].Annotations = map[string]string{agentAnnotation: agent.ID}
		}
	}
	return specs
}

// nodeOf gives a node everything that its agent has.
func nodeOf(agent masterapi.Agent) lab.NodeSpec {
	spec := lab.NodeSpec{
		Name:                agent.Hostname,
		CPUMillis:           agent.Total["cpus"],
		MemoryMiB:           agent.Total["mem"] / 1000,
		EphemeralStorageMiB: agent.Total["disk"] / 1000,
	}
	if gpus := agent.Total["gpus"] / 1000; gpus > 0 {
		spec.Extended = map[corev1.ResourceName]int64{gpuResource: gpus}
	}
	return spec
}
