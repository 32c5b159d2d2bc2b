package mesos

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/encoding"
	"github.com/mesos/mesos-go/api/v1/lib/encoding/codecs"
	"github.com/mesos/mesos-go/api/v1/lib/master"
	"github.com/mesos/mesos-go/api/v1/lib/master/calls"
)

var errNoAgents = errors.New("answer without agents")

// Agents lists every agent the leader knows (GET_AGENTS). It needs no
// subscription.
func (c *Client) Agents(ctx context.Context) ([]Agent, error) {
	var agents []Agent
	err := c.operate(ctx, calls.GetAgents(), func(codec encoding.Codec, body io.Reader) (err error) {
		agents, err = readAgents(codec, body)
		return err
	})
	return agents, err
}

// readAgents reads an answer to GET_AGENTS. In protobuf it is decoded agent by
// agent as it arrives: as a whole, 100,000 agents take half a gigabyte.
func readAgents(codec encoding.Codec, body io.Reader) ([]Agent, error) {
	in := bufio.NewReaderSize(body, 64<<10)
	start, _ := in.Peek(maxPrefix) // a short one is read whole
	if prefix, size, ok := agentsPrefix(codec, start); ok {
		if _, err := in.Discard(prefix); err != nil {
			return nil, fmt.Errorf("read answer: %w", unexpected(err))
		}
		return streamAgents(in, size)
	}
	answer, err := wholeAnswer(codec, in)
	if err != nil {
		return nil, err
	}
	return decodeAgents(answer.GetGetAgents())
}

// agentsPrefix returns how many bytes stand before the content of
// Response.get_agents, and the content's size, if an answer in protobuf begins
// with that.
func agentsPrefix(codec encoding.Codec, start []byte) (prefix int, size int64, ok bool) {
	const kind, agents = 1<<3 | wireVarint, 10<<3 | wireBytes
	if codec.Name != codecs.NameProtobuf || len(start) < 4 ||
		start[0] != kind || start[1] != byte(master.Response_GET_AGENTS) || start[2] != agents {
		return 0, 0, false
	}
	length, n := binary.Uvarint(start[3:])
	return 3 + n, int64(length), n > 0 && length <= maxAnswer
}

// streamAgents reads the content of Response.get_agents, of size bytes and the
// last of its message.
func streamAgents(in *bufio.Reader, size int64) (agents []Agent, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("decode protobuf: decoder panicked: %v", p)
		}
	}()
	var buffer []byte
	for size > 0 {
		field, took, err := appendField(buffer[:0], in, size, 2)
		if err != nil {
			return nil, fmt.Errorf("read answer: %w", err)
		}
		buffer, size = field, size-took
		if len(field) == 0 {
			continue
		}
		rest := scan(field)
		number, content, err := rest.next()
		if err != nil {
			return nil, errField
		}
		agent, err := decodeListed(number, content)
		if err != nil {
			return nil, fmt.Errorf("decode protobuf: %w", err)
		}
		agents = append(agents, agent)
	}
	if _, err := in.ReadByte(); !errors.Is(err, io.EOF) {
		return nil, errors.New("the answer goes on after its agents")
	}
	return agents, nil
}

// decodeListed decodes one element of GetAgents.agents, field 1, or of
// recovered_agents, field 2.
func decodeListed(number int, content []byte) (Agent, error) {
	if number == 1 {
		var agent master.Response_GetAgents_Agent
		err := agent.Unmarshal(content)
		return decodeAgent(&agent), err
	}
	var info mesos.AgentInfo
	err := info.Unmarshal(content)
	return decodeRecovered(&info), err
}

func decodeAgents(list *master.Response_GetAgents) ([]Agent, error) {
	if list == nil {
		return nil, errNoAgents
	}
	agents := make([]Agent, 0, len(list.Agents)+len(list.RecoveredAgents))
	for i := range list.Agents {
		agents = append(agents, decodeAgent(&list.Agents[i]))
	}
	for i := range list.RecoveredAgents {
		agents = append(agents, decodeRecovered(&list.RecoveredAgents[i]))
	}
	return agents, nil
}

// decodeRecovered decodes an agent that the master knows from its registry.
func decodeRecovered(info *mesos.AgentInfo) Agent {
	return Agent{
		ID: info.GetID().GetValue(), Hostname: info.Hostname, Recovered: true,
		Attributes: decodeAttributes(info.Attributes),
	}
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
