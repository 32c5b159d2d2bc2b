package mesos

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/master"
	"github.com/mesos/mesos-go/api/v1/lib/master/calls"
	"go.uber.org/zap"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/logkeys"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

// maxAnswer bounds the answer to an operator call, in bytes.
const maxAnswer = 512 << 20

// Agents lists every agent the leader knows (GET_AGENTS). It needs no
// subscription.
func (c *Client) Agents(ctx context.Context) ([]Agent, error) {
	var answer master.Response
	if err := c.operate(ctx, calls.GetAgents(), &answer); err != nil {
		return nil, err
	}
	list := answer.GetGetAgents()
	if list == nil {
		return nil, errors.New("GET_AGENTS: answer without agents")
	}
	agents := make([]Agent, 0, len(list.Agents)+len(list.RecoveredAgents))
	for i := range list.Agents {
		agents = append(agents, decodeAgent(&list.Agents[i]))
	}
	for i := range list.RecoveredAgents {
		info := &list.RecoveredAgents[i]
		agents = append(agents, Agent{
			ID: info.GetID().GetValue(), Hostname: info.Hostname, Recovered: true,
			Attributes: decodeAttributes(info.Attributes),
		})
	}
	return agents, nil
}

// UnreserveByOperator pops the last layer of portions without an offer
// (UNRESERVE_RESOURCES). The master answers before the agent acts, and takes
// offers of that agent back, even when it refuses: a *StatusError with code
// 409 says that the resources are in use or not reserved so.
func (c *Client) UnreserveByOperator(ctx context.Context, agentID string, portions []resources.Portion) error {
	list := encodePortions(portions, "")
	return c.operate(ctx, calls.UnreserveResources(mesos.AgentID{Value: agentID}, list...), nil)
}

// operate sends an operator call to the leader. Masters that cannot be reached
// or do not lead are passed over; answer may be nil.
func (c *Client) operate(ctx context.Context, call *master.Call, answer *master.Response) error {
	kind := call.Type.String()
	if err := c.guard.operator(call); err != nil {
		c.metrics.call(kind, codeRefused, 0)
		return err
	}
	body, err := marshal(c.codec, call)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, c.cfg.CallTimeout)
	defer cancel()
	r := request{path: operatorPath, kind: kind, media: c.codec.Type.ContentType(), body: body}
	var failures []error
	for _, base := range c.masters.candidates() {
		resp, from, err := c.post(ctx, base, r)
		c.log.Debug("mesos operator call", zap.String("type", kind), zap.String(logkeys.Master, from), zap.Error(err))
		if err == nil {
			return readAnswer(resp, kind, answer)
		}
		failures = append(failures, err)
		if !elsewhere(err) {
			break
		}
	}
	return errors.Join(failures...)
}

// elsewhere reports whether a call surely had no effect at one master and is
// worth trying at the next.
func elsewhere(err error) bool {
	var status *StatusError
	if errors.As(err, &status) {
		return status.Code == http.StatusServiceUnavailable
	}
	var network *net.OpError
	return errors.As(err, &network) && network.Op == "dial"
}

func readAnswer(resp *http.Response, kind string, answer *master.Response) error {
	defer discard(resp.Body)
	if answer == nil {
		return nil
	}
	codec, err := codecOf(resp.Header.Get("Content-Type"))
	if err != nil {
		return fmt.Errorf("%s: %w", kind, err)
	}
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("%s: read answer: %w", kind, err)
	}
	if err := decode(codec, data, answer); err != nil {
		return fmt.Errorf("%s: %w", kind, err)
	}
	return nil
}

func decodeAgent(a *master.Response_GetAgents_Agent) Agent {
	agent := Agent{
		ID:          a.AgentInfo.GetID().GetValue(),
		Hostname:    a.AgentInfo.Hostname,
		Active:      a.Active,
		Deactivated: a.GetDeactivated(),
		Attributes:  decodeAttributes(a.AgentInfo.Attributes),
	}
	// A pid is name@ip:port (libprocess).
	if _, address, ok := strings.Cut(a.GetPID(), "@"); ok {
		agent.Address = address
	}
	if a.DrainInfo != nil && a.DrainInfo.State != mesos.DrainState_UNKNOWN {
		agent.DrainState = a.DrainInfo.State.String()
	}
	for i := range a.Capabilities {
		if a.Capabilities[i].Type == mesos.AgentInfo_Capability_AGENT_OPERATION_FEEDBACK {
			agent.Feedback = true
		}
	}
	for _, p := range decodePortions(a.TotalResources) {
		agent.Total = agent.Total.Add(p.Vector)
		if len(p.Layers) > 0 {
			agent.Reserved = append(agent.Reserved, p)
		}
	}
	return agent
}
