package mesos

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/mesos/mesos-go/api/v1/lib/master"
)

// records reads a stream to its end.
func records(t *testing.T, in io.Reader) (out []string, end error) {
	t.Helper()
	f := newFrames(in)
	for {
		record, err := f.ReadFrame()
		if err != nil {
			return out, err
		}
		if len(record) == 0 {
			t.Fatal("an empty record came through")
		}
		out = append(out, string(record))
	}
}

// FuzzFrames reads arbitrary bytes as RecordIO: it ends for one of three causes
// and does not depend on how the bytes arrive. What is written is read back.
func FuzzFrames(f *testing.F) {
	type frame struct {
		RecordIO []byte `json:"recordio_base64"`
	}
	for _, line := range readLines[frame](f, "testdata/protobuf.jsonl") {
		f.Add(line.RecordIO, uint16(len(line.RecordIO)/2))
	}
	f.Add([]byte("3\na\nc2\nde"), uint16(0))
	f.Add([]byte("18446744073709551615\nabc"), uint16(3))
	f.Add([]byte(" 4 \nabcd\r\n0\n-0\n+1\na"), uint16(1))
	f.Fuzz(func(t *testing.T, data []byte, cut uint16) {
		whole, end := records(t, bytes.NewReader(data))
		if !errors.Is(end, io.EOF) && !errors.Is(end, io.ErrUnexpectedEOF) && !errors.Is(end, errFrame) {
			t.Fatalf("ended with %v", end)
		}
		parts, partsEnd := records(t, iotest.OneByteReader(bytes.NewReader(data)))
		if diff := cmp.Diff(whole, parts); diff != "" || end.Error() != partsEnd.Error() {
			t.Fatalf("byte by byte it ends with %v, not %v, and differs:\n%s", partsEnd, end, diff)
		}
		at := min(int(cut), len(data))
		body, want := new(bytes.Buffer), []string(nil)
		for _, record := range [][]byte{data[:at], data[at:]} {
			writeRecord(t, body, record)
			if len(record) > 0 {
				want = append(want, string(record))
			}
		}
		got, end := records(t, body)
		if diff := cmp.Diff(want, got); diff != "" || !errors.Is(end, io.EOF) {
			t.Fatalf("read back, ending with %v (-want +got):\n%s", end, diff)
		}
	})
}

// FuzzAgents decodes arbitrary answers to GET_AGENTS. Whatever comes, there is
// no panic, and no absurd amount counts as reserved.
func FuzzAgents(f *testing.F) {
	for _, line := range readLines[recordedAgents](f, "testdata/agents.jsonl") {
		f.Add(true, []byte(line.Response))
		recorded := new(master.Response)
		if err := decode(selectCodec(true), line.Response, recorded); err != nil {
			f.Fatal(err)
		}
		body, err := marshal(selectCodec(false), recorded)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(false, body)
	}
	f.Add(true, []byte(`{"type":"GET_AGENTS","get_agents":{"agents":[{"total_resources":[{"name":"cpus"}]},{}]}}`))
	f.Fuzz(func(t *testing.T, useJSON bool, data []byte) {
		var answer master.Response
		if decode(selectCodec(useJSON), data, &answer) != nil || answer.GetGetAgents() == nil {
			return
		}
		list := answer.GetGetAgents().Agents
		for i := range list {
			for _, p := range decodeAgent(&list[i]).Reserved {
				if p.Vector.IsZero() || len(p.Layers) == 0 {
					t.Errorf("nothing, or nobody's, counts as reserved: %+v", p)
				}
				for _, a := range p.Vector.Scalars {
					if a.Milli <= 0 || a.Milli > maxMilli || a.Name == "" {
						t.Errorf("%d of %q count as reserved", a.Milli, a.Name)
					}
				}
			}
		}
	})
}
