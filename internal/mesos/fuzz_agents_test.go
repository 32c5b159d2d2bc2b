package mesos

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"
	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/master"
)

// answerOf is an answer to GET_AGENTS in protobuf with that content.
func answerOf(tb testing.TB, list *master.Response_GetAgents) []byte {
	tb.Helper()
	return encoded(tb, &master.Response{Type: master.Response_GET_AGENTS, GetAgents: list})
}

// listOf are n agents with reservations, of which one is recovered.
func listOf(n int) *master.Response_GetAgents {
	list := &master.Response_GetAgents{}
	scalar, role, pid := mesos.SCALAR, "kubernetes", "slave(1)@10.0.0.1:5051"
	for i := range n {
		info := mesos.AgentInfo{Hostname: fmt.Sprintf("node-%d", i), ID: &mesos.AgentID{Value: fmt.Sprintf("S%d", i)}}
		list.Agents = append(list.Agents, master.Response_GetAgents_Agent{
			AgentInfo: info, Active: i%2 == 0, Version: "1.11.0", PID: &pid,
			TotalResources: []mesos.Resource{
				{Name: "cpus", Type: &scalar, Scalar: &mesos.Value_Scalar{Value: 8}},
				{Name: "cpus", Type: &scalar, Scalar: &mesos.Value_Scalar{Value: 2}, Reservations: []mesos.Resource_ReservationInfo{{Role: &role}}},
			},
		})
	}
	list.RecoveredAgents = []mesos.AgentInfo{{Hostname: "lost", ID: &mesos.AgentID{Value: "S-lost"}}}
	return list
}

func TestAgentsAreStreamed(t *testing.T) {
	list := listOf(1000)
	want, err := decodeAgents(list)
	if err != nil {
		t.Fatal(err)
	}
	data := answerOf(t, list)
	if _, _, ok := agentsPrefix(selectCodec(false), data); !ok {
		t.Fatal("the answer is not streamed")
	}
	got, err := readAgents(selectCodec(false), bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, compareOffers); diff != "" {
		t.Errorf("(-want +got):\n%.2000s", diff)
	}
	if _, err := readAgents(selectCodec(false), bytes.NewReader(data[:len(data)-1])); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("an answer that breaks off: %v", err)
	}
	if _, err := readAgents(selectCodec(false), bytes.NewReader(append(data, 8))); err == nil {
		t.Error("an answer that goes on must not be believed")
	}
}

// FuzzStreamedAgents: agents that are decoded as they arrive are those of the whole.
func FuzzStreamedAgents(f *testing.F) {
	f.Add(encoded(f, listOf(2)))
	f.Add([]byte{0x18, 0x05, 0x25, 1, 2, 3, 4}) // fields of a newer master
	f.Fuzz(func(t *testing.T, data []byte) { sameAgents(t, data) })
}

// sameAgents compares both ways to decode the content of get_agents.
func sameAgents(t *testing.T, data []byte) {
	t.Helper()
	var whole master.Response_GetAgents
	wantErr := whole.Unmarshal(data)
	head := fmt.Appendf(nil, "\x08\x09\x52")
	head = appendUvarint(head, uint64(len(data)))
	got, err := readAgents(selectCodec(false), bytes.NewReader(append(head, data...)))
	if err != nil {
		if wantErr == nil && !errors.Is(err, errField) {
			t.Fatalf("the whole decodes, parts do not: %v", err)
		}
		return
	}
	if wantErr != nil {
		t.Fatalf("parts decode, the whole does not: %v", wantErr)
	}
	// Registered agents come first in what is made of the whole.
	want, err := decodeAgents(&whole)
	if err != nil {
		t.Fatal(err)
	}
	order := func(agents []Agent) (out []Agent) {
		for _, recovered := range []bool{false, true} {
			for _, a := range agents {
				if a.Recovered == recovered {
					out = append(out, a)
				}
			}
		}
		return out
	}
	if diff := cmp.Diff(want, order(got), compareOffers); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}
}
