package mesos

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/master"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

type recordedAgents struct {
	Recording string          `json:"recording"`
	Response  json.RawMessage `json:"response"`
}

// operatorMaster answers operator calls in the codec they come in.
func operatorMaster(t *testing.T, answer func(call *master.Call) (code int, response *master.Response)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		codec, err := codecOf(r.Header.Get("Content-Type"))
		if err != nil || r.URL.Path != operatorPath || r.Header.Get(headerStreamID) != "" {
			t.Errorf("%s with headers %v: %v", r.URL.Path, r.Header, err)
			return
		}
		body, err := io.ReadAll(r.Body)
		call := new(master.Call)
		if err = errors.Join(err, unmarshal(codec, body, call)); err != nil {
			t.Errorf("operator call: %v", err)
		}
		code, response := answer(call)
		if response == nil {
			http.Error(w, "the reason", code)
			return
		}
		out, err := marshal(codec, response)
		if err != nil {
			t.Errorf("answer: %v", err)
		}
		w.Header().Set("Content-Type", codec.Type.ContentType())
		w.WriteHeader(code)
		if _, err := w.Write(out); err != nil {
			t.Errorf("answer: %v", err)
		}
	}
}

func wantAgents() [][]Agent {
	labels := []resources.Label{{Key: "pod", Value: "a"}}
	all := vector(8e3, 16384e3, 0)
	return [][]Agent{
		{{
			ID: "fec804b4-273f-4b1f-a1f3-0892d57df1c9-S0", Hostname: "node-0", Address: "127.0.0.1:5161", Active: true, Feedback: true,
			Total:      vector(8e3, 16384e3, 50000e3, resources.Range{Begin: 31000, End: 32000}),
			Attributes: []resources.Label{{Key: "rack", Value: "r1"}, {Key: "node", Value: "n0"}},
			Reserved: []resources.Portion{{
				Layers: []resources.Layer{{Dynamic: true, Role: "kubernetes", Labels: labels}}, Vector: vector(2e3, 1024e3, 0),
			}},
		}},
		{
			{ID: "d0c4b0cb-fa1b-413d-bcd6-67809cd6ae60-S1", Hostname: "node-0", Deactivated: true, DrainState: "DRAINED", Total: all, Reserved: []resources.Portion{{
				Layers: []resources.Layer{{Dynamic: true, Role: "kubernetes"}}, Vector: vector(2e3, 1024e3, 0),
			}}},
			{ID: "d0c4b0cb-fa1b-413d-bcd6-67809cd6ae60-S0", Hostname: "node-1", Active: true, Total: all},
		},
		{
			{ID: "d0c4b0cb-fa1b-413d-bcd6-67809cd6ae60-S1", Hostname: "node-0", Deactivated: true, DrainState: "DRAINING", Total: all, Reserved: []resources.Portion{{
				Layers: []resources.Layer{{Dynamic: true, Role: "kubernetes"}}, Vector: vector(3e3, 1024e3, 0),
			}}},
			{ID: "d0c4b0cb-fa1b-413d-bcd6-67809cd6ae60-S0", Hostname: "node-1", Active: true, Total: all},
		},
	}
}

// What a real master answered to GET_AGENTS, in JSON as it was recorded and in
// the protobuf form of the same.
func TestRecordedAgents(t *testing.T) {
	want := wantAgents()
	for i, line := range readLines[recordedAgents](t, "testdata/agents.jsonl") {
		recorded := new(master.Response)
		if err := decode(selectCodec(true), line.Response, recorded); err != nil {
			t.Fatalf("%s: %v", line.Recording, err)
		}
		for _, useJSON := range []bool{true, false} {
			synctest.Test(t, func(t *testing.T) {
				var net network
				net.serve(t, "m1:5050", operatorMaster(t, func(*master.Call) (int, *master.Response) { return http.StatusOK, recorded }))
				cfg := testConfig("m1:5050")
				cfg.JSON = useJSON
				got, err := newTestClient(t, cfg, &net).Agents(t.Context())
				if err != nil {
					t.Fatalf("%s: %v", line.Recording, err)
				}
				if diff := cmp.Diff(want[i], got, compareOffers); diff != "" {
					t.Errorf("%s, JSON %v (-want +got):\n%s", line.Recording, useJSON, diff)
				}
			})
		}
	}
}

func TestAgentsNotBackSinceARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var net network
		response := &master.Response{Type: master.Response_GET_AGENTS, GetAgents: &master.Response_GetAgents{
			RecoveredAgents: []mesos.AgentInfo{{Hostname: "node-0", ID: &mesos.AgentID{Value: "S0"}}},
		}}
		net.serve(t, "m1:5050", operatorMaster(t, func(*master.Call) (int, *master.Response) { return http.StatusOK, response }))
		got, err := newTestClient(t, testConfig("m1:5050"), &net).Agents(t.Context())
		if diff := cmp.Diff([]Agent{{ID: "S0", Hostname: "node-0", Recovered: true}}, got, compareOffers); diff != "" || err != nil {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
	})
}

func TestUnreserveByOperator(t *testing.T) {
	for _, tt := range []struct {
		name string
		code int
		ok   bool
	}{{"accepted", http.StatusAccepted, true}, {"in use", http.StatusConflict, false}} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var net network
				var got *master.Call
				net.serve(t, "m1:5050", operatorMaster(t, func(call *master.Call) (int, *master.Response) {
					got = call
					return tt.code, nil
				}))
				c := newTestClient(t, testConfig("m1:5050"), &net)
				err := c.UnreserveByOperator(t.Context(), "S0", []resources.Portion{podPortion()})
				var status *StatusError
				if tt.ok != (err == nil) || !tt.ok && (!errors.As(err, &status) || status.Code != tt.code || status.Message != "the reason") {
					t.Errorf("error %v", err)
				}
				list := got.UnreserveResources.Resources
				if got.UnreserveResources.AgentID.Value != "S0" || len(list) != 3 || list[0].AllocationInfo != nil {
					t.Errorf("call %v", got)
				}
			})
		})
	}
	t.Run("zero", func(t *testing.T) { // trap T18: it kills the master after the 202
		var net network
		c := newTestClient(t, testConfig("m1:5050"), &net)
		zero := resources.Portion{Layers: podPortion().Layers, Vector: resources.Vector{Scalars: resources.Scalars{{Name: "cpus", Milli: 0}}}}
		for _, portions := range [][]resources.Portion{{zero}, nil, {{Vector: resources.Scalar("cpus", 1)}}} {
			if err := c.UnreserveByOperator(t.Context(), "S0", portions); !errors.Is(err, ErrDeadly) {
				t.Errorf("%v: %v", portions, err)
			}
		}
		if err := c.UnreserveByOperator(t.Context(), "", []resources.Portion{podPortion()}); !errors.Is(err, ErrDeadly) {
			t.Errorf("no agent: %v", err)
		}
	})
}

// Operator calls pass over masters that are down or do not lead, and follow
// redirects; what a leader refuses is not asked of another.
func TestOperatorCallsFindTheLeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var net network
		var asked atomic.Int32
		code := http.StatusOK
		net.serve(t, "m2:5050", operatorMaster(t, func(*master.Call) (int, *master.Response) {
			return http.StatusServiceUnavailable, nil
		}))
		net.serve(t, "m3:5050", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "//m4:5050/api/v1")
			w.WriteHeader(http.StatusTemporaryRedirect)
		}))
		net.serve(t, "m4:5050", operatorMaster(t, func(*master.Call) (int, *master.Response) {
			asked.Add(1)
			if code != http.StatusOK {
				return code, nil
			}
			return code, &master.Response{Type: master.Response_GET_AGENTS, GetAgents: &master.Response_GetAgents{}}
		}))
		c := newTestClient(t, testConfig("m1:5050", "m2:5050", "m3:5050", "m4:5050"), &net)
		if _, err := c.Agents(t.Context()); err != nil || asked.Load() != 1 {
			t.Errorf("leader asked %d times: %v", asked.Load(), err)
		}
		code = http.StatusForbidden
		var status *StatusError
		if _, err := c.Agents(t.Context()); !errors.As(err, &status) || asked.Load() != 2 {
			t.Errorf("leader asked %d times: %v", asked.Load(), err)
		}
	})
}
