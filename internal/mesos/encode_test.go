package mesos

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/mesos/mesos-go/api/v1/lib/encoding"
	"github.com/mesos/mesos-go/api/v1/lib/master"
	mastercalls "github.com/mesos/mesos-go/api/v1/lib/master/calls"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler/calls"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

func podPortion() resources.Portion {
	return resources.Portion{
		Layers: []resources.Layer{{Role: "k8s"}, {
			Dynamic: true, Role: "k8s/pods", Principal: "me",
			Labels: []resources.Label{{Key: "uid", Value: "u\"1"}, {Key: "empty"}},
		}},
		Vector: resources.Scalar("mem", 64000).Add(resources.Scalar("cpus", 1001)).
			Add(resources.Vector{Ports: resources.NewRanges(resources.Range{Begin: 31000, End: 31000})}),
	}
}

func TestEncodeAccept(t *testing.T) {
	body, err := marshal(selectCodec(true), encodeAccept(Accept{
		OfferIDs: []string{"O1"}, Refuse: 1500 * time.Millisecond,
		Operations: []Operation{{ID: "op-1", Type: Reserve, Role: "k8s/pods", Portions: []resources.Portion{podPortion()}}},
	}).With(calls.Framework("f")))
	if err != nil {
		t.Fatal(err)
	}
	resource := func(value string) string {
		return `{` + value + `, "allocation_info": {"role": "k8s/pods"}, "reservations": [
			{"type": "STATIC", "role": "k8s"},
			{"type": "DYNAMIC", "role": "k8s/pods", "principal": "me", "labels": {"labels": [
				{"key": "uid", "value": "u\"1"}, {"key": "empty"}]}}]}`
	}
	want := `{"framework_id": {"value": "f"}, "type": "ACCEPT", "accept": {
		"offer_ids": [{"value": "O1"}], "filters": {"refuse_seconds": 1.5},
		"operations": [{"type": "RESERVE", "id": {"value": "op-1"}, "reserve": {"source": [], "resources": [` +
		resource(`"name": "cpus", "type": "SCALAR", "scalar": {"value": 1.001}`) + `,` +
		resource(`"name": "mem", "type": "SCALAR", "scalar": {"value": 64}`) + `,` +
		resource(`"name": "ports", "type": "RANGES", "ranges": {"range": [{"begin": 31000, "end": 31000}]}`) + `]}}]}}`
	if diff := cmp.Diff(tree(t, []byte(want)), tree(t, body)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func tree(t *testing.T, text []byte) any {
	t.Helper()
	var out any
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return out
}

// What is encoded decodes to the same, in both codecs.
func TestEncodedPortionsDecodeToThemselves(t *testing.T) {
	want := []resources.Portion{podPortion(), {Vector: resources.Scalar("gpus", 2000)}}
	for _, useJSON := range []bool{false, true} {
		codec := selectCodec(useJSON)
		body, err := marshal(codec, encodeAccept(Accept{Operations: []Operation{{Type: Unreserve, Role: "r", Portions: want}}}))
		if err != nil {
			t.Fatal(err)
		}
		var call scheduler.Call
		if err := unmarshal(codec, body, &call); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, decodePortions(call.Accept.Operations[0].Unreserve.Resources), compareOffers); diff != "" {
			t.Errorf("%s (-want +got):\n%s", codec.Name, diff)
		}
	}
}

// No call relies on how a master's JSON parser takes null.
func TestJSONCallsHoldNoNull(t *testing.T) {
	cfg, err := testConfig("m:1").complete()
	if err != nil {
		t.Fatal(err)
	}
	status := OperationStatus{OperationID: "o", AgentID: "a", UUID: []byte("0123456789abcdef")}
	for name, call := range map[string]encoding.Marshaler{
		"subscribe":     cfg.Framework.subscribeCall(""),
		"resubscribe":   cfg.Framework.subscribeCall("f"),
		"accept":        encodeAccept(reserveOne(1, "O0", "op")),
		"accept none":   encodeAccept(Accept{OfferIDs: []string{"O0"}}),
		"decline":       calls.Decline(offerIDs([]string{"a"})...).With(calls.RefuseSeconds(0)),
		"revive":        calls.ReviveWith([]string{"a"}),
		"suppress":      calls.SuppressWith([]string{"a"}),
		"acknowledge":   ackCall(status),
		"reconcile":     encodeReconcile([]OperationRef{{OperationID: "o"}}),
		"reconcile all": encodeReconcile(nil),
		"teardown":      &scheduler.Call{Type: scheduler.Call_TEARDOWN},
		"inverse":       calls.AcceptInverseOffers(offerIDs([]string{"a"})...).With(calls.RefuseSeconds(time.Second)),
		"get agents":    mastercalls.GetAgents(),
		"unreserve":     &master.Call{Type: master.Call_UNRESERVE_RESOURCES, UnreserveResources: &master.Call_UnreserveResources{Resources: encodePortions([]resources.Portion{podPortion()}, "")}},
	} {
		body, err := marshal(selectCodec(true), call)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if tree(t, body); strings.Contains(string(body), "null") {
			t.Errorf("%s: %s", name, body)
		}
	}
}
