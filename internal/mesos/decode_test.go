package mesos

import (
	"bufio"
	"bytes"
	"encoding/json"
	"math"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

// recordedEvent is one event of a real master; recording names the exchange.
type recordedEvent struct {
	Recording string          `json:"recording"`
	Event     json.RawMessage `json:"event"`
}

func readLines[T any](t testing.TB, path string) []T {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var out []T
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var line T
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		out = append(out, line)
	}
	return out
}

// offered returns the first offer of the nth OFFERS event that was recorded.
func offered(t *testing.T, n int) *resources.Offer {
	t.Helper()
	for _, line := range readLines[recordedEvent](t, "testdata/events.jsonl") {
		event, ok, err := decodeEvent(selectCodec(true), line.Event)
		if err != nil || !ok {
			t.Fatalf("%s: known %v: %v", line.Recording, ok, err)
		}
		if event.Type != scheduler.Event_OFFERS {
			continue
		}
		if n == 0 {
			return decodeOffer(&event.Offers.Offers[0])
		}
		n--
	}
	t.Fatal("not that many OFFERS events")
	return nil
}

func vector(cpus, mem, disk resources.Milli, ports ...resources.Range) resources.Vector {
	return resources.Scalar("cpus", cpus).Add(resources.Scalar("mem", mem)).Add(resources.Scalar("disk", disk)).
		Add(resources.Vector{Ports: ports})
}

var compareOffers = cmp.Options{
	cmpopts.EquateEmpty(),
	cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
	cmp.Comparer(func(a, b resources.Vector) bool { return a.Equal(b) }),
}

func TestRecordedOffers(t *testing.T) {
	pods := resources.Range{Begin: 31000, End: 32000}
	for n, want := range []*resources.Offer{
		{
			ID: "020f96e2-2b01-41c3-852a-d697c020f231-O0", AgentID: "020f96e2-2b01-41c3-852a-d697c020f231-S1",
			Role: "kubernetes", Hostname: "node-0", Address: netip.MustParseAddr("127.0.0.1"),
			Region: "region-1", Zone: "zone-a",
			Attributes: []resources.Label{
				{Key: "rack", Value: "r1"}, {Key: "slots", Value: "4.5"}, {Key: "vlans", Value: "[10-20,30-40]"},
				{Key: "flag", Value: "true"}, {Key: "n", Value: "7"}, {Key: "neg", Value: "-3"},
			},
			Portions: []resources.Portion{{Vector: vector(8e3, 16384e3, 50000e3,
				resources.Range{Begin: 31000, End: 31010}, resources.Range{Begin: 31020, End: 31030})}},
		},
		{
			ID: "5b2db6fc-e919-4eca-aaf6-ba1adc19c8e8-O2", AgentID: "5b2db6fc-e919-4eca-aaf6-ba1adc19c8e8-S1",
			Role: "kubernetes", Hostname: "node-0", Address: netip.MustParseAddr("127.0.0.1"),
			Attributes: []resources.Label{{Key: "rack", Value: "r1"}, {Key: "node", Value: "n0"}},
			Portions: []resources.Portion{
				{Vector: vector(6e3, 15360e3, 50000e3, pods)},
				{Layers: []resources.Layer{{Dynamic: true, Role: "kubernetes"}}, Vector: vector(2e3, 1024e3, 0)},
			},
		},
		{
			ID: "d8ff35b0-bfa0-4277-b8c3-7366026f8e5c-O11", AgentID: "d8ff35b0-bfa0-4277-b8c3-7366026f8e5c-S0",
			Role: "kubernetes/pods", Hostname: "node-0", Address: netip.MustParseAddr("127.0.0.1"),
			Attributes: []resources.Label{{Key: "rack", Value: "r1"}, {Key: "node", Value: "n0"}},
			Portions: []resources.Portion{
				{Layers: []resources.Layer{{Role: "kubernetes"}}, Vector: vector(4e3, 4096e3, 0)},
				{Vector: vector(1e3, 4096e3, 1000e3, resources.Range{Begin: 31000, End: 31100})},
				{Layers: []resources.Layer{{
					Dynamic: true, Role: "kubernetes", Labels: []resources.Label{{Key: "pod", Value: "p"}},
				}}, Vector: vector(2e3, 0, 0)},
				{Layers: []resources.Layer{{Dynamic: true, Role: "kubernetes/pods"}}, Vector: vector(1e3, 0, 0)},
			},
		},
	} {
		if diff := cmp.Diff(want, offered(t, n), compareOffers); diff != "" {
			t.Errorf("offer %d (-want +got):\n%s", n, diff)
		}
	}
	planned := offered(t, 3).Maintenance
	if planned == nil || planned.Duration != time.Hour || planned.Start.UnixNano() != 1795342619559958272 {
		t.Errorf("maintenance %v", planned)
	}
}

func TestRecordedStatusesAndInverseOffers(t *testing.T) {
	var statuses []OperationStatus
	var inverse []InverseOffer
	for _, line := range readLines[recordedEvent](t, "testdata/events.jsonl") {
		event, _, err := decodeEvent(selectCodec(true), line.Event)
		if err != nil {
			t.Fatal(err)
		}
		switch event.Type {
		case scheduler.Event_UPDATE_OPERATION_STATUS:
			status := decodeOperationStatus(&event.UpdateOperationStatus.Status)
			status.Message = ""
			statuses = append(statuses, status)
		case scheduler.Event_INVERSE_OFFERS:
			inverse = append(inverse, decodeInverseOffer(&event.InverseOffers.InverseOffers[0]))
		}
	}
	if len(statuses) != 3 || len(inverse) != 1 {
		t.Fatalf("%d statuses, %d inverse offers", len(statuses), len(inverse))
	}
	if s := statuses[0]; !s.Confirms() || s.OperationID != "op-1" || s.AgentID != "5b2db6fc-e919-4eca-aaf6-ba1adc19c8e8-S1" ||
		!bytes.Equal(s.UUID, []byte{0x98, 0x21, 0x8a, 0x5b, 0xb6, 0x3c, 0x41, 0xb7, 0xa8, 0x53, 0x78, 0xab, 0xa0, 0x63, 0x08, 0x13}) {
		t.Errorf("finished: %+v", s)
	}
	want := OperationStatus{OperationID: "op-pod-big", State: OperationError}
	if diff := cmp.Diff(want, statuses[2]); diff != "" {
		t.Errorf("error of the master (-want +got):\n%s", diff)
	}
	if i := inverse[0]; i.ID != "c91b0940-a55d-49f8-b232-49f49a02a151-O4" ||
		i.AgentID != "c91b0940-a55d-49f8-b232-49f49a02a151-S0" || i.Maintenance.Duration != time.Hour {
		t.Errorf("inverse offer %+v", i)
	}
}

// The real master's protobuf frames mean the same as its JSON does.
func TestRecordedProtobuf(t *testing.T) {
	type frame struct {
		RecordIO []byte `json:"recordio_base64"`
	}
	var stream bytes.Buffer
	for _, f := range readLines[frame](t, "testdata/protobuf.jsonl") {
		stream.Write(f.RecordIO)
	}
	records := newFrames(&stream)
	var got []string
	for {
		record, err := records.ReadFrame()
		if err != nil {
			break
		}
		event, known, err := decodeEvent(selectCodec(false), record)
		if err != nil || !known {
			t.Fatalf("known %v: %v", known, err)
		}
		got = append(got, event.Type.String())
		for i := range event.GetOffers().GetOffers() {
			offer := decodeOffer(&event.Offers.Offers[i])
			got = append(got, offer.Hostname+" "+offer.Address.String()+" "+offer.Role)
			for _, p := range offer.Portions {
				got = append(got, p.Role()+" "+p.Vector.String())
			}
		}
	}
	want := []string{
		"SUBSCRIBED", "HEARTBEAT", "OFFERS",
		"node-0 127.0.0.1 kubernetes", "* cpus:8;disk:50000;mem:16384;ports:[31000-32000]",
		"node-1 127.0.0.1 kubernetes", "* cpus:8;disk:50000;mem:16384;ports:[31000-32000]",
		"UPDATE_OPERATION_STATUS", "OFFERS",
		"node-0 127.0.0.1 kubernetes", "* cpus:6;disk:50000;mem:16384;ports:[31000-32000]", "kubernetes cpus:2",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestDecodeScalarCountsAsTheMasterDoes(t *testing.T) {
	for value, want := range map[float64]resources.Milli{
		1: 1000, 0.3: 300, 0.30000000000000004: 300, 0.0005: 1, 0.0004: 0, 0.1234567: 123, 2.675: 2675, 1e12: 1e15,
		0: 0, -1: 0, 1e13: 0, math.Inf(1): 0, math.Inf(-1): 0, math.NaN(): 0,
	} {
		if got := decodeScalar(value); got != want {
			t.Errorf("%v: %d thousandths, want %d", value, got, want)
		}
	}
}

func TestDecodeLeavesOutWhatPodsCannotUse(t *testing.T) {
	scalar, ranges, set := mesos.SCALAR, mesos.RANGES, mesos.SET
	one := &mesos.Value_Scalar{Value: 1}
	some := &mesos.Value_Ranges{Range: []mesos.Value_Range{{Begin: 1, End: 2}}}
	for name, r := range map[string]mesos.Resource{
		"persistent volume":  {Name: "disk", Type: &scalar, Scalar: one, Disk: &mesos.Resource_DiskInfo{Persistence: &mesos.Resource_DiskInfo_Persistence{ID: "v"}}},
		"disk with a source": {Name: "disk", Type: &scalar, Scalar: one, Disk: &mesos.Resource_DiskInfo{Source: &mesos.Resource_DiskInfo_Source{}}},
		"revocable":          {Name: "cpus", Type: &scalar, Scalar: one, Revocable: &mesos.Resource_RevocableInfo{}},
		"shared":             {Name: "cpus", Type: &scalar, Scalar: one, Shared: &mesos.Resource_SharedInfo{}},
		"resource provider":  {Name: "disk", Type: &scalar, Scalar: one, ProviderID: &mesos.ResourceProviderID{Value: "p"}},
		"set":                {Name: "zones", Type: &set, Set: &mesos.Value_Set{Item: []string{"a"}}},
		"other ranges":       {Name: "vlans", Type: &ranges, Ranges: some},
		"scalar ports":       {Name: "ports", Type: &scalar, Scalar: one},
		"no type":            {Name: "cpus", Scalar: one},
		"no value":           {Name: "cpus", Type: &scalar},
		"no range":           {Name: "ports", Type: &ranges},
		"ports out of range": {Name: "ports", Type: &ranges, Ranges: &mesos.Value_Ranges{Range: []mesos.Value_Range{{Begin: 70000, End: math.MaxUint64}}}},
		"zero":               {Name: "cpus", Type: &scalar, Scalar: &mesos.Value_Scalar{}},
	} {
		if got := decodePortions([]mesos.Resource{r}); len(got) != 0 {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestDecodeOldFormat(t *testing.T) {
	scalar, one := mesos.SCALAR, &mesos.Value_Scalar{Value: 1}
	role, unreserved, principal, value := "old", "*", "ops", "v"
	got := decodePortions([]mesos.Resource{
		{Name: "cpus", Type: &scalar, Scalar: one, Role: &unreserved},
		{Name: "cpus", Type: &scalar, Scalar: one, Role: &role},
		{Name: "cpus", Type: &scalar, Scalar: one, Role: &role, Reservation: &mesos.Resource_ReservationInfo{
			Principal: &principal, Labels: &mesos.Labels{Labels: []mesos.Label{{Key: "k", Value: &value}, {Key: "bare"}}},
		}},
	})
	cpu := resources.Scalar("cpus", 1000)
	want := []resources.Portion{
		{Vector: cpu},
		{Layers: []resources.Layer{{Role: "old"}}, Vector: cpu},
		{Layers: []resources.Layer{{
			Dynamic: true, Role: "old", Principal: "ops", Labels: []resources.Label{{Key: "k", Value: "v"}, {Key: "bare"}},
		}}, Vector: cpu},
	}
	if diff := cmp.Diff(want, got, compareOffers); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestDecodeEventOfANewerMaster(t *testing.T) {
	for _, tt := range []struct {
		name, record string
		useJSON      bool
		known, bad   bool
	}{
		{name: "unknown type in JSON", record: `{"type":"BRAND_NEW","brand_new":{"a":1}}`, useJSON: true},
		{name: "unknown type in protobuf", record: "\x08\x63"},
		{name: "no type", record: "\x08\x00"},
		{name: "unknown field in JSON", record: `{"type":"HEARTBEAT","extra":{"a":[1,2]}}`, useJSON: true, known: true},
		{name: "broken JSON", record: `{"type":"OFFERS","offers":`, useJSON: true, bad: true},
		{name: "wrong shape", record: `{"type":"OFFERS","offers":7}`, useJSON: true, bad: true},
		{name: "broken protobuf", record: "\x1a\xff", bad: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, known, err := decodeEvent(selectCodec(tt.useJSON), []byte(tt.record))
			if known != tt.known || (err != nil) != tt.bad {
				t.Errorf("known %v, error %v", known, err)
			}
		})
	}
}
