package masterapi

import (
	"bufio"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// recording holds what a real master answered to operator calls.
const recording = "../../../internal/mesossim/testdata/transcripts/24-operator-api.jsonl"

// recordedAgents is a recorded answer to GET_AGENTS in which something is
// reserved.
func recordedAgents(t *testing.T) []byte {
	t.Helper()
	file, err := os.Open(recording)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close() //nolint:errcheck // only read
	scanner := bufio.NewScanner(file)
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		var line struct {
			Request  struct{ Type string }
			Response json.RawMessage
		}
		if err := json.Unmarshal(scanner.Bytes(), &line); err != nil {
			t.Fatal(err)
		}
		if line.Request.Type == "GET_AGENTS" && strings.Contains(string(line.Response), "DYNAMIC") {
			return line.Response
		}
	}
	t.Fatal("no answer to GET_AGENTS with a reservation was recorded")
	return nil
}

func TestAgentsOfARealMaster(t *testing.T) {
	answer := recordedAgents(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var call struct{ Type string }
		if err := json.NewDecoder(r.Body).Decode(&call); err != nil || call.Type != "GET_AGENTS" || r.URL.Path != "/api/v1" {
			t.Errorf("%s: call %q: %v", r.URL.Path, call.Type, err)
		}
		_, _ = w.Write(answer)
	}))
	defer server.Close()
	agents, err := New(server.URL).Agents(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := Agent{
		ID: "fec804b4-273f-4b1f-a1f3-0892d57df1c9-S0", Hostname: "node-0", Address: "127.0.0.1", Active: true,
		Total:   Scalars{"cpus": 8000, "mem": 16384000, "disk": 50000000},
		Offered: Scalars{"cpus": 8000, "mem": 16384000, "disk": 50000000},
		Reservations: []Reservation{{
			AgentID: "fec804b4-273f-4b1f-a1f3-0892d57df1c9-S0", Hostname: "node-0", Role: "kubernetes",
			Labels: map[string]string{"pod": "a"}, Scalars: Scalars{"cpus": 2000, "mem": 1024000},
		}},
	}
	if diff := cmp.Diff(want, agents[0]); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestReservationsAreTakenApart(t *testing.T) {
	reserved := func(name string, value float64, role string, labels ...wireLabel) wireResource {
		r := wireResource{Name: name, Type: "SCALAR", Reservations: []wireReservation{{Type: "DYNAMIC", Role: role}}}
		r.Scalar.Value = value
		r.Reservations[0].Labels.Labels = labels
		return r
	}
	mine, other := wireLabel{ClusterLabel, "mine"}, wireLabel{ClusterLabel, "other"}
	wire := wireAgent{Total: []wireResource{
		{Name: "cpus", Type: "SCALAR"},
		reserved("cpus", 1.5, "a", mine, wireLabel{UIDLabel, "1"}),
		reserved("mem", 0.001, "a", mine, wireLabel{UIDLabel, "1"}),
		reserved("cpus", 2, "a", mine, wireLabel{UIDLabel, "2"}),
		reserved("cpus", 3, "b", other),
		{Name: "ports", Type: "RANGES", Reservations: reserved("", 0, "b", other).Reservations},
		{Name: "cpus", Type: "SCALAR", Reservations: []wireReservation{{Type: "STATIC", Role: "c"}}},
	}}
	agent := wire.decode()
	if got := OfCluster([]Agent{agent}, "mine"); len(got) != 2 || got[0].Scalars["mem"] != 1 || got[0].Scalars.Value("cpus") != 1.5 {
		t.Errorf("reservations of the cluster: %v", got)
	}
	if got := OfCluster([]Agent{agent}, "other"); len(got) != 1 || got[0].Others != 1 || got[0].Role != "b" {
		t.Errorf("reservations of the other cluster: %v", got)
	}
	if diff := cmp.Diff(Scalars{"cpus": 6500, "mem": 1}, agent.Reserved()); diff != "" {
		t.Errorf("sum of dynamic reservations: -want +got\n%s", diff)
	}
}

func TestRefusals(t *testing.T) {
	tests := map[string]struct {
		status int
		body   string
		want   string
	}{
		"a conflict":  {http.StatusConflict, "not enough", "409 Conflict: not enough"},
		"no JSON":     {http.StatusOK, "<html>", "decode the answer"},
		"a wrong one": {http.StatusOK, `{"get_agents": 1}`, "decode the answer"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(test.status)
				_, _ = w.Write([]byte(test.body))
			}))
			defer server.Close()
			if _, err := New(server.URL).Agents(t.Context()); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want one with %q", err, test.want)
			}
		})
	}
}
