package main

import (
	"context"

	"golang.org/x/sync/errgroup"

	"github.com/kube-mesos-extender/kube-mesos-extender/hack/harness"
	"github.com/kube-mesos-extender/kube-mesos-extender/hack/harness/masterapi"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/mesossim"
)

// otherRole is whom the operator reserves for, to keep resources from the
// daemon.
const otherRole = "ops"

// wholeAgent is what of agentResources is reserved: all that a pod could use.
var wholeAgent = []map[string]any{scalar("cpus", 8), scalar("mem", 16384)}

func scalar(name string, value float64) map[string]any {
	return map[string]any{
		"type": "SCALAR", "name": name, "scalar": map[string]any{"value": value},
		"reservations": []any{map[string]any{"type": "DYNAMIC", "role": otherRole}},
	}
}

// reserveAgents has the operator reserve all of the agents but the first spared
// for another role, or unreserve it.
func reserveAgents(ctx context.Context, h *harness.Harness, reserve bool, spared int) error {
	agents, err := h.Mesos.Agents(ctx)
	if err != nil {
		return err
	}
	kind, field := "UNRESERVE_RESOURCES", "unreserve_resources"
	if reserve {
		kind, field = "RESERVE_RESOURCES", "reserve_resources"
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(8)
	for _, agent := range agents[spared:] {
		group.Go(func() error {
			return h.Mesos.Operate(ctx, map[string]any{"type": kind, field: map[string]any{
				"agent_id": map[string]any{"value": agent.ID}, "resources": wholeAgent,
			}})
		})
	}
	return group.Wait()
}

// heldFor reports whether pods have reservations on the agent.
func heldFor(agent mesossim.AgentBooks) bool {
	for _, r := range agent.Reservation {
		if r.Labels[masterapi.UIDLabel] != "" {
			return true
		}
	}
	return false
}
