package masterapi

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

// callTimeout bounds one call to the master.
const callTimeout = 10 * time.Second

// Client asks one master, which must be the leader.
type Client struct {
	base string
	http *http.Client
}

// New returns a client of the master at a base URL such as http://host:5050.
func New(base string) *Client {
	return &Client{base: base, http: &http.Client{Timeout: callTimeout}}
}

// Agents lists the agents that are registered with the master.
func (c *Client) Agents(ctx context.Context) ([]Agent, error) {
	var answer struct {
		GetAgents struct {
			Agents []wireAgent `json:"agents"`
		} `json:"get_agents"`
	}
	if err := c.call(ctx, map[string]any{"type": "GET_AGENTS"}, &answer); err != nil {
		return nil, err
	}
	agents := make([]Agent, len(answer.GetAgents.Agents))
	for i, wire := range answer.GetAgents.Agents {
		agents[i] = wire.decode()
	}
	return agents, nil
}

// Reserve makes a dynamic reservation of unreserved cpus and mem (MiB) on an
// agent, as an operator would.
func (c *Client) Reserve(ctx context.Context, agentID, role string, labels map[string]string, cpus, mem float64) error {
	reservation := map[string]any{"type": "DYNAMIC", "role": role, "labels": encodeLabels(labels)}
	var list []map[string]any
	for name, value := range map[string]float64{"cpus": cpus, "mem": mem} {
		list = append(list, map[string]any{
			"name": name, "type": "SCALAR", "scalar": map[string]any{"value": value},
			"reservations": []any{reservation},
		})
	}
	return c.call(ctx, map[string]any{"type": "RESERVE_RESOURCES", "reserve_resources": map[string]any{
		"agent_id": map[string]any{"value": agentID}, "resources": list,
	}}, nil)
}

// Operate sends one operator call whose answer does not matter.
func (c *Client) Operate(ctx context.Context, call map[string]any) error {
	return c.call(ctx, call, nil)
}

// call sends one operator call; answer may be nil.
func (c *Client) call(ctx context.Context, call map[string]any, answer any) error {
	body, err := json.Marshal(call)
	if err != nil {
		return fmt.Errorf("encode %s: %w", call["type"], err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+"/api/v1", bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "application/json")
	response, err := c.http.Do(request)
	if err != nil {
		return fmt.Errorf("%s: %w", call["type"], err)
	}
	defer response.Body.Close() //nolint:errcheck // it has been read
	content, err := io.ReadAll(response.Body)
	if err != nil {
		return fmt.Errorf("%s: read the answer: %w", call["type"], err)
	}
	if response.StatusCode >= http.StatusMultipleChoices {
		return fmt.Errorf("%s: the master answered %s: %s", call["type"], response.Status, content)
	}
	if answer == nil {
		return nil
	}
	if err := json.Unmarshal(content, answer); err != nil {
		return fmt.Errorf("%s: decode the answer: %w", call["type"], err)
	}
	return nil
}
