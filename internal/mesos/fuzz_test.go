package mesos

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"testing"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler/calls"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"k8s.io/utils/clock"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

// sober checks that what reached the handler can be reckoned with.
type sober struct {
	diary
	t *testing.T
}

func (s *sober) Offers(_ uint64, offers []*resources.Offer) {
	for _, o := range offers {
		for i, p := range o.Portions {
			if p.Vector.IsZero() {
				s.t.Errorf("portion %d of offer %q is empty", i, o.ID)
			}
			for _, a := range p.Vector.Scalars {
				if a.Milli <= 0 || a.Milli > maxMilli || a.Name == "" {
					s.t.Errorf("offer %q has %d of %q", o.ID, a.Milli, a.Name)
				}
			}
			for _, r := range p.Vector.Ports {
				if r.Begin > r.End || r.End > maxPort {
					s.t.Errorf("offer %q has ports %v", o.ID, p.Vector.Ports)
				}
			}
			for j := range o.Portions[:i] {
				if o.Portions[j].SameStack(p) {
					s.t.Errorf("offer %q has two portions under one stack", o.ID)
				}
			}
		}
	}
}

// FuzzEvents decodes arbitrary streams the way Run does. Whatever comes, there
// is no panic, the stream comes to an end, and no absurd amount gets through.
func FuzzEvents(f *testing.F) {
	for _, line := range readLines[recordedEvent](f, "testdata/events.jsonl") {
		f.Add(true, true, []byte(line.Event))
	}
	type frame struct {
		RecordIO []byte `json:"recordio_base64"`
	}
	for _, line := range readLines[frame](f, "testdata/protobuf.jsonl") {
		f.Add(false, false, line.RecordIO)
	}
	f.Add(false, false, []byte("18446744073709551615\nabc"))
	f.Add(true, true, []byte(`{"type":"OFFERS","offers":{"offers":[{"resources":[{"name":"cpus","type":"NEW"}]}]}}`))
	f.Fuzz(func(t *testing.T, useJSON, framed bool, data []byte) {
		cfg := testConfig("m1:5050")
		client, err := New(cfg, zap.NewNop(), prometheus.NewRegistry(), clock.RealClock{})
		if err != nil {
			t.Fatal(err)
		}
		body := new(bytes.Buffer)
		if framed { // spare the fuzzer the search for lengths
			writeRecord(t, body, data)
		} else {
			body.Write(data)
		}
		d := &dispatcher{
			client: client, handler: &sober{t: t}, cancel: func(error) {},
			stream:  &stream{body: nopCloser{body}, codec: selectCodec(useJSON), id: "s", base: "b"},
			dog:     newWatchdog(clock.RealClock{}, 5),
			session: &session{generation: 1, cancel: func(error) {}},
			decoder: newOfferDecoder(),
		}
		if err := d.follow(); err == nil {
			t.Error("the stream ended without a cause")
		}
	})
}

// FuzzGuard builds calls from arbitrary values. What passes the guard is
// encoded and decoded again, and must hold none of the forms that end a master.
func FuzzGuard(f *testing.F) {
	f.Add([]byte("k8s"), []byte("k8s"), []byte("cpus"), uint8(2), uint8(1), int64(1000), uint64(1), uint64(2))
	f.Add([]byte("k8s"), []byte("k8s"), []byte("cpus"), uint8(2), uint8(1), int64(0), uint64(0), uint64(0))
	f.Add([]byte("k8s"), []byte("k8s"), []byte("ports"), uint8(3), uint8(2), int64(0), uint64(9), uint64(8))
	f.Add([]byte("*"), []byte("*"), []byte(""), uint8(1), uint8(7), int64(-1), uint64(5), uint64(math.MaxUint64))
	f.Fuzz(func(t *testing.T, role, layer, name []byte, kind, shape uint8, milli int64, begin, end uint64) {
		portion := resources.Portion{Layers: []resources.Layer{{Dynamic: shape&1 != 0, Role: string(layer)}}}
		if shape&2 != 0 {
			portion.Vector.Ports = resources.Ranges{{Begin: begin, End: end}}
		}
		if shape&4 != 0 {
			portion.Vector.Ports = resources.Ranges{}
		}
		if shape&8 != 0 {
			portion.Layers = append(portion.Layers, resources.Layer{Dynamic: true, Role: string(layer) + "/x"})
		}
		portion.Vector.Scalars = resources.Scalars{{Name: string(name), Milli: resources.Milli(milli)}}
		call := encodeAccept(Accept{
			OfferIDs: []string{"O0"}, Refuse: time.Duration(milli),
			Operations: []Operation{{ID: string(name), Type: OperationType(kind % 4), Role: string(role), Portions: []resources.Portion{portion}}},
		})
		if shape&16 != 0 {
			call = calls.AcknowledgeOperationStatus(string(role), "", binary.BigEndian.AppendUint64([]byte("12345678"), begin), string(name))
		}
		if shape&32 != 0 {
			call.Type = scheduler.Call_Type(kind)
		}
		checkPassing(t, call.With(calls.Framework("f")))
	})
}

// checkPassing asks the guard, and judges by its own lights what it lets pass.
func checkPassing(t *testing.T, call *scheduler.Call) {
	t.Helper()
	err := newGuard("").scheduler(call, &ledger{})
	if err != nil {
		if !errors.Is(err, ErrDeadly) {
			t.Errorf("refused with %v", err)
		}
		return
	}
	body, err := marshal(selectCodec(false), call)
	if err != nil {
		t.Fatal(err)
	}
	var sent scheduler.Call
	if err := unmarshal(selectCodec(false), body, &sent); err != nil {
		t.Fatal(err)
	}
	if sent.Type == scheduler.Call_UNKNOWN || scheduler.Call_Type_name[int32(sent.Type)] == "" {
		t.Errorf("passed: call type %d", sent.Type)
	}
	if sent.Type == scheduler.Call_ACKNOWLEDGE_OPERATION_STATUS {
		t.Errorf("passed: acknowledgement of a status that never came")
	}
	if sent.Type != scheduler.Call_ACCEPT {
		return
	}
	for _, op := range sent.Accept.Operations {
		list := append(op.GetReserve().GetResources(), op.GetUnreserve().GetResources()...)
		if len(list) == 0 {
			t.Error("passed: operation on nothing")
		}
		for i := range list {
			if deadlyForm(&list[i]) {
				t.Errorf("passed: %v", list[i])
			}
		}
	}
}

// deadlyForm knows what ended the recorded master, and what it would refuse.
func deadlyForm(r *mesos.Resource) bool {
	empty := r.Scalar == nil && r.Ranges == nil || r.Scalar != nil && !(r.Scalar.Value >= 0.0005) ||
		r.Ranges != nil && len(r.Ranges.Range) == 0
	for _, x := range r.GetRanges().GetRange() {
		empty = empty || x.Begin > x.End
	}
	role := r.GetAllocationInfo().GetRole()
	return empty || role == "" || role == "*" || len(r.Reservations) == 0 ||
		r.Reservations[len(r.Reservations)-1].GetRole() == "*"
}
