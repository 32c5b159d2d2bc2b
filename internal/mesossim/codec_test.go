package mesossim

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	mesos "github.com/mesos/mesos-go/api/v1/lib"
	masterproto "github.com/mesos/mesos-go/api/v1/lib/master"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler"
)

func TestEncodeJSON(t *testing.T) {
	kind, value := mesos.SCALAR, "v"
	for _, test := range []struct {
		name    string
		message any
		want    string
	}{
		{"doubles have a fraction", &mesos.Value_Scalar{Value: 8}, `{"value":8.0}`},
		{"and keep theirs", &mesos.Value_Scalar{Value: 0.1234567}, `{"value":0.1234567}`},
		{"integers are numbers", &mesos.Value_Range{Begin: 31000, End: 1 << 62}, `{"begin":31000,"end":4611686018427387904}`},
		{"enums by name, absent fields left out", &mesos.Resource{Name: "cpus", Type: &kind}, `{"name":"cpus","type":"SCALAR"}`},
		{"bytes in base64", &mesos.UUID{Value: []byte{0, 1, 255}}, `{"value":"AAH/"}`},
		{"an empty message", &mesos.Labels{}, `{}`},
		{"text is escaped", &mesos.Label{Key: "a\"b", Value: &value}, `{"key":"a\"b","value":"v"}`},
		{"lists that are always written", &masterproto.Response_GetTasks{}, `{"tasks":[],"unreachable_tasks":[],"completed_tasks":[]}`},
		{
			"defaults are filled in", &mesos.DrainConfig{}, `{"mark_gone":false}`,
		},
		{
			"newer names", &mesos.MasterInfo_Capability{Type: capabilityQuotaV2}, `{"type":"QUOTA_V2"}`,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, string(encodeJSON(test.message))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDecodeJSON(t *testing.T) {
	for _, test := range []struct{ name, body, want string }{
		{"unknown fields are ignored", `{"type":"REVIVE","frobnicate":1}`, ""},
		{"unknown optional enums are ignored", `{"type":"FROBNICATE"}`, ""},
		{"a number may be text", `{"accept":{"filters":{"refuse_seconds":"2.5"}}}`, ""},
		{"an array", `[]`, "Expecting a JSON object"},
		{"missing required fields", `{"subscribe":{"framework_info":{"user":"root"}}}`, "Missing required fields: subscribe.framework_info.name"},
		{"missing in a list", `{"accept":{"offer_ids":[{"value":"a"},{}]}}`, "Missing required fields: accept.offer_ids[1].value"},
		{"text for a message", `{"revive":"x"}`, "Not expecting a JSON string for field 'revive'"},
		{"a number for text", `{"framework_id":{"value":1}}`, "Not expecting a JSON number for field 'value'"},
		{"an object for text", `{"framework_id":{"value":{}}}`, "Not expecting a JSON object for field 'value'"},
		{"an array for a message", `{"framework_id":[]}`, "Not expecting a JSON array for field 'framework_id'"},
		{"a boolean for text", `{"framework_id":{"value":true}}`, "Not expecting a JSON boolean for field 'value'"},
	} {
		t.Run(test.name, func(t *testing.T) {
			tree, err := parseJSON([]byte(test.body))
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			if err := decodeJSON(tree, &scheduler.Call{}); err != nil {
				got = err.Error()
			}
			if got != test.want {
				t.Errorf("want %q, got %q", test.want, got)
			}
		})
	}
}

func TestRoundTripOfOffer(t *testing.T) {
	h := &host{spec: AgentSpec{Hostname: "n", Domain: "r/z"}, port: 5161, domain: domainOf("r/z")}
	var err error
	if h.attributes, err = parseAttributes("rack:r1;n:7"); err != nil {
		t.Fatal(err)
	}
	o := &offer{id: "O", framework: &framework{id: "F"}, agent: newAgent("S", h), role: "k", resources: mustParse(t, "cpus(k):2;ports:[1-2,5-6]").allocate("k")}
	want := o.toProto()
	tree, err := parseJSON(encodeJSON(&want))
	if err != nil {
		t.Fatal(err)
	}
	var got mesos.Offer
	if err := decodeJSON(tree, &got); err != nil {
		t.Fatal(err)
	}
	if !want.Equal(&got) {
		t.Errorf("want %v\ngot %v", want, got)
	}
}

func TestVarintField(t *testing.T) {
	call := scheduler.Call{Type: scheduler.Call_REVIVE, FrameworkID: &mesos.FrameworkID{Value: strings.Repeat("x", 300)}}
	body, err := call.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if value, found := varintField(body, 2); !found || value != uint64(scheduler.Call_REVIVE) {
		t.Errorf("want REVIVE, got %d (%t)", value, found)
	}
	for n := range body { // cut short anywhere, it must not fail
		varintField(body[:n], 2)
	}
	if _, found := varintField([]byte{0x0a, 0x7f}, 2); found {
		t.Error("found a field in a body that is cut short")
	}
}

func FuzzDecodeJSON(f *testing.F) {
	f.Add([]byte(`{"type":"ACCEPT","accept":{"offer_ids":[{"value":"x"}],"operations":[{"type":"RESERVE","reserve":{"resources":[{"name":"cpus","type":"SCALAR","scalar":{"value":1}}]}}]}}`))
	f.Add([]byte(`{"subscribe":{"framework_info":{"offer_filters":{"k":{"min_allocatable_resources":{"quantities":[]}}}}}}`))
	f.Fuzz(func(_ *testing.T, body []byte) {
		tree, err := parseJSON(body)
		if err != nil {
			return
		}
		_ = decodeJSON(tree, &scheduler.Call{})
		_ = decodeJSON(tree, &masterproto.Call{})
	})
}
