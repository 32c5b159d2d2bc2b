package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

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
			return operate(ctx, h, map[string]any{"type": kind, field: map[string]any{
				"agent_id": map[string]any{"value": agent.ID}, "resources": wholeAgent,
			}})
		})
	}
	return group.Wait()
}

// operate makes a call to the master's operator API.
func operate(ctx context.Context, h *harness.Harness, call map[string]any) error {
	body, err := json.Marshal(call)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, h.MasterURL()+"/api/v1", bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close() //nolint:errcheck // it has been read
	answer, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode/100 != 2 {
		err = fmt.Errorf("%v: %s: %s", call["type"], response.Status, answer)
	}
	return err
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
