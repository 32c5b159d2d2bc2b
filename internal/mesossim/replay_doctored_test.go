package mesossim

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

// doctored is a line of a recording, decoded so that it can be falsified.
type doctored = map[string]any

// TestDoctoredRecordingsAreNoticed falsifies recordings in one place each; the replay must report a difference, and
// none without the falsification.
func TestDoctoredRecordingsAreNoticed(t *testing.T) {
	for _, test := range []struct {
		name, file string
		doctor     func([]doctored) []doctored // nil: unchanged
		want       string                      // part of a reported difference; empty: none
	}{
		{name: "unchanged", file: "02b-reserve-default-filter.jsonl"},
		{name: "event dropped", file: "02b-reserve-default-filter.jsonl",
			doctor: without(nth(kindEvent, "UPDATE_OPERATION_STATUS", 1)), want: "unwanted event"},
		{name: "event invented", file: "02b-reserve-default-filter.jsonl",
			doctor: twice(nth(kindEvent, "UPDATE_OPERATION_STATUS", 1)), want: "got nothing"},
		{name: "offers 5 s later", file: "02b-reserve-default-filter.jsonl",
			doctor: later(nth(kindEvent, "OFFERS", 2), 5), want: "off its time"},
		{name: "offers of two allocations in one", file: "13c-maintenance-running-task.jsonl",
			doctor: joinOffers(nth(kindEvent, "OFFERS", 2), nth(kindEvent, "OFFERS", 3)), want: "got nothing"},
		{name: "status 5 s later", file: "02b-reserve-default-filter.jsonl",
			doctor: later(nth(kindEvent, "UPDATE_OPERATION_STATUS", 1), 5), want: "off its time"},
		{name: "filter takes 5 s less", file: "02b-reserve-default-filter.jsonl",
			doctor: later(nth(kindEvent, "OFFERS", 4), -4), want: "got nothing"},
		{name: "other status code", file: "02b-reserve-default-filter.jsonl",
			doctor: set(nth(kindResponse, "", 2), 400.0, "status"), want: "want status 400"},
		{name: "header invented", file: "02b-reserve-default-filter.jsonl",
			doctor: set(nth(kindResponse, "", 2), "x", "headers", "content-type"), want: "header content-type"},
		{name: "state of an operation", file: "02b-reserve-default-filter.jsonl",
			doctor: set(nth(kindEvent, "UPDATE_OPERATION_STATUS", 1), "OPERATION_ERROR",
				"body", "update_operation_status", "status", "state"), want: "OPERATION_ERROR"},
		{name: "amount of a resource", file: "02b-reserve-default-filter.jsonl",
			doctor: edit(nth(kindEvent, "OFFERS", 2), `"value":2}`, `"value":2.001}`), want: "scalar.value"},
		{name: "field missing", file: "02b-reserve-default-filter.jsonl",
			doctor: edit(nth(kindEvent, "OFFERS", 2), `"attributes":`, `"tributes":`), want: "want field tributes"},
		{name: "HEARTBEAT dropped", file: "02b-reserve-default-filter.jsonl",
			doctor: without(nth(kindEvent, "HEARTBEAT", 2)), want: "HEARTBEATs"},
		{name: "error text", file: "05-stale-offer.jsonl",
			doctor: edit(nth(kindEvent, "UPDATE_OPERATION_STATUS", 1), "no longer valid", "gone"), want: "gone"},
		{name: "another offer id in an error text", file: "05-stale-offer.jsonl",
			doctor: edit(nth(kindEvent, "UPDATE_OPERATION_STATUS", 1), "-O1 is", "-O0 is"), want: "message"},
		{name: "order of events", file: "10a-rescind-operator-reserve.jsonl",
			doctor: swap(nth(kindEvent, "HEARTBEAT", 1), nth(kindEvent, "SUBSCRIBED", 1)), want: "out of order"},
		{name: "RESCIND of another offer", file: "10a-rescind-operator-reserve.jsonl",
			doctor: edit(nth(kindEvent, "RESCIND", 1), "-O0", "-O1"), want: "offer_id"},
		{name: "operator's error text", file: "10a-rescind-operator-reserve.jsonl",
			doctor: edit(nth(kindOperator, "", 4), "does not contain", "contains not"), want: "contains not"},
		{name: "end of a stream not recorded", file: "02e-when-the-remainder-is-filtered.jsonl",
			doctor: without(nth(kindClosed, "", 1)), want: "closed by the server"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			lines := decodeLines(t, shippedFile(t, test.file))
			if test.doctor != nil {
				lines = test.doctor(lines)
			}
			rec, err := parseRecording(encodeLines(t, lines), test.file)
			if err != nil {
				t.Fatal(err)
			}
			checkDifferences(t, replayWithSearch(t, rec).diffs, test.want)
		})
	}
}

func checkDifferences(t *testing.T, diffs []difference, want string) {
	t.Helper()
	var all []string
	for _, d := range diffs {
		all = append(all, d.String())
	}
	got := strings.Join(all, "\n")
	if want == "" && got != "" {
		t.Errorf("want no difference, got\n%s", got)
	}
	if !strings.Contains(got, want) {
		t.Errorf("want a difference with %q, got\n%s", want, got)
	}
}

func decodeLines(t *testing.T, data []byte) (lines []doctored) {
	t.Helper()
	for line := range bytes.Lines(data) {
		var decoded doctored
		if err := json.Unmarshal(line, &decoded); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, decoded)
	}
	return lines
}

func encodeLines(t *testing.T, lines []doctored) []byte {
	t.Helper()
	var out bytes.Buffer
	for _, line := range lines {
		if err := json.NewEncoder(&out).Encode(line); err != nil {
			t.Fatal(err)
		}
	}
	return out.Bytes()
}

// finder gives the index of a line.
type finder func([]doctored) int

// nth finds the n-th line of a kind, of events those of a type.
func nth(kind, typ string, n int) finder {
	return func(lines []doctored) int {
		seen := 0
		for i, line := range lines {
			if line["kind"] != kind || typ != "" && text(line, "body", "type") != typ {
				continue
			}
			if seen++; seen == n {
				return i
			}
		}
		panic("no such line")
	}
}

func without(find finder) func([]doctored) []doctored {
	return func(lines []doctored) []doctored {
		i := find(lines)
		return append(lines[:i:i], lines[i+1:]...)
	}
}

func twice(find finder) func([]doctored) []doctored {
	return func(lines []doctored) []doctored {
		i := find(lines)
		return append(lines[:i+1:i+1], lines[i:]...)
	}
}

func swap(a, b finder) func([]doctored) []doctored {
	return func(lines []doctored) []doctored {
		i, j := a(lines), b(lines)
		lines[i], lines[j] = lines[j], lines[i]
		lines[i]["t"], lines[j]["t"] = lines[j]["t"], lines[i]["t"]
		return lines
	}
}

// joinOffers appends the offers of one event to another that came before it.
func joinOffers(first, second finder) func([]doctored) []doctored {
	return func(lines []doctored) []doctored {
		into, from := lines[first(lines)], second(lines)
		list := into["body"].(doctored)["offers"].(doctored)
		more := lines[from]["body"].(doctored)["offers"].(doctored)["offers"].([]any)
		list["offers"] = append(list["offers"].([]any), more...)
		return append(lines[:from:from], lines[from+1:]...)
	}
}

// later shifts a line and all that follow it.
func later(find finder, seconds float64) func([]doctored) []doctored {
	return func(lines []doctored) []doctored {
		for _, line := range lines[find(lines):] {
			line["t"] = line["t"].(float64) + seconds
		}
		return lines
	}
}

func set(find finder, value any, path ...string) func([]doctored) []doctored {
	return func(lines []doctored) []doctored {
		object := lines[find(lines)]
		for _, key := range path[:len(path)-1] {
			object = object[key].(doctored)
		}
		object[path[len(path)-1]] = value
		return lines
	}
}

// edit replaces a text in a line's JSON.
func edit(find finder, from, to string) func([]doctored) []doctored {
	return func(lines []doctored) []doctored {
		i := find(lines)
		encoded, err := json.Marshal(lines[i])
		if err != nil || !strings.Contains(string(encoded), from) {
			panic("nothing to edit: " + from)
		}
		lines[i] = nil
		if err := json.Unmarshal([]byte(strings.Replace(string(encoded), from, to, 1)), &lines[i]); err != nil {
			panic(err)
		}
		return lines
	}
}
