package mesossim

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// shipped is the folder of the recordings that belong to this package, whatever -transcripts says.
var shipped = filepath.Join("testdata", "transcripts")

func shippedFile(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(shipped, name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestTranscriptsAreComplete(t *testing.T) {
	files, err := transcriptFiles(shipped)
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != 48 {
		t.Errorf("want the 48 recordings of the README, got %d", len(files))
	}
	for _, file := range files {
		if _, err := readRecording(file, file); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
}

func TestNotesBecomeActions(t *testing.T) {
	agents := []recordedAgent{{Hostname: "node-0"}, {Hostname: "node-1"}, {Hostname: "node-2"}}
	for _, test := range []struct {
		notes []string
		want  []action
	}{
		{[]string{"agent node-0 process sent SIGKILL"}, []action{agentAction{host: "node-0", verb: verbKill}}},
		{[]string{"agent node-1 process sent SIGUSR1"}, []action{agentAction{host: "node-1", verb: verbUnregister}}},
		{[]string{"agent node-1 process sent SIGTERM"}, []action{agentAction{host: "node-1", verb: verbTerm}}},
		{[]string{"agent node-1 process sent SIGSTOP"}, []action{agentAction{host: "node-1", verb: verbHang}}},
		{[]string{"agent node-1 continues (SIGCONT)"}, []action{agentAction{host: "node-1", verb: verbContinue}}},
		{[]string{"agent restarted", "agent node-0 started"}, []action{agentAction{host: "node-0", verb: verbStart}}},
		{[]string{"third agent started while not suppressed"}, []action{agentAction{host: "node-2", verb: verbStart}}},
		{[]string{"removed the agent's meta/slaves/latest symlink", "agent node-0 started", "agent node-0 started"},
			[]action{agentAction{host: "node-0", verb: verbStartNewID}, agentAction{host: "node-0", verb: verbStart}}},
		{[]string{"an agent whose whole meta directory is removed", "agent node-0 process sent SIGKILL", "agent node-0 started"},
			[]action{agentAction{host: "node-0", verb: verbKill}, agentAction{host: "node-0", verb: verbStartWiped}}},
		{[]string{"both agents and the master SIGKILLed"}, []action{masterAction{verb: masterKill, agents: true, at: beforeClosed}}},
		{[]string{"agent node-1 was SIGSTOPped just before that ACCEPT"},
			[]action{agentAction{host: "node-1", verb: verbHang, at: beforeCall}}},
		{[]string{"agent killed and restarted quickly", "agent node-0 process sent SIGKILL"},
			[]action{agentAction{host: "node-0", verb: verbKill}}},
		{[]string{"master restarted (same work_dir, replicated_log); /health answers 200"}, []action{masterAction{verb: masterStart}}},
		{[]string{"master log: F master.cpp:6007] Check failed: 'operation' Must be non NULL"},
			[]action{masterAction{verb: masterFailed, text: "Check failed: 'operation' Must be non NULL"}}},
		{[]string{"RESCIND 2.814 s after SIGSTOP", "(this time restarted only after FAILURE)", "master alive: True"},
			[]action{masterAction{verb: masterAlive}}},
		{[]string{"restart before the master gives the agent up (killed, restarted at once)"}, nil},
	} {
		rec := &recording{setup: recordedSetup{Agents: agents}}
		for i, note := range test.notes {
			rec.lines = append(rec.lines, &recordedLine{number: i + 2, Kind: kindNote, Text: note})
		}
		if err := rec.readNotes(); err != nil {
			t.Errorf("%q: %v", test.notes, err)
			continue
		}
		var got []action
		for _, l := range rec.lines {
			if l.action != nil {
				got = append(got, l.action)
			}
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%q: want %+v, got %+v", test.notes, test.want, got)
		}
	}
}

func TestUnknownActionsAreReported(t *testing.T) {
	for _, note := range []string{
		"agent node-0 process sent SIGHUP",
		"agent node-0 upgraded to 1.13",
		"both agents restarted with another work_dir",
		"second master started",
		"the master process was stopped",
		"removed the registry of the master",
		"fourth agent started",
		"agent restarted",
		"removed the agent's meta/slaves/latest symlink",
	} {
		line := fmt.Sprintf("{\"kind\":\"setup\"}\n{\"t\":1,\"kind\":\"note\",\"text\":%q}\n", note)
		if _, err := parseRecording([]byte(line), "x"); err == nil {
			t.Errorf("%q: want an error", note)
		}
	}
}

func TestUnreadableRecordings(t *testing.T) {
	setup := `{"kind":"setup"}` + "\n"
	for name, file := range map[string]string{
		"no setup":              `{"t":0,"kind":"note","text":"x"}`,
		"nothing after setup":   setup,
		"not JSON":              setup + "{",
		"unknown kind":          setup + `{"t":0,"kind":"dream"}`,
		"call without response": setup + `{"t":0,"kind":"call","body":{}}`,
		"response without call": setup + `{"t":0,"kind":"response","status":202}`,
		"bad frame":             setup + `{"t":0,"kind":"event","stream":"A","recordio_base64":"NQphYg=="}`,
	} {
		if _, err := parseRecording([]byte(file), "x"); err == nil {
			t.Errorf("%s: want an error", name)
		}
	}
}

func TestIDsArePairedOneToOne(t *testing.T) {
	const m1, m2 = "05119dbc-5094-4bdf-b8e2-13139c3e347c", "b6f010f2-513c-4a02-aac4-d56f80c513f5"
	ids := newIDMap()
	for _, step := range []struct {
		want, got string
		match     bool
	}{
		{"Offer " + m1 + "-O5 is no longer valid", "Offer " + m2 + "-O2 is no longer valid", true},
		{m1 + "-O5", m2 + "-O2", true},
		{m1 + "-O5", m2 + "-O3", false},
		{m1 + "-O6", m2 + "-O2", false},
		{m1 + "-S1", m2 + "-O7", false},
		{m1 + "-S1", m2 + "-S0", true},
		{m1 + "-0000", m2 + "-0001", true},
		{"agent at slave(1)@127.0.0.1:5161 (node-0)", "agent at slave(1)@127.0.0.1:40001 (node-0)", true},
		{"agent at slave(1)@127.0.0.1:5162 (node-1)", "agent at slave(1)@127.0.0.1:40001 (node-1)", false},
		{"plain", "plain", true},
		{"plain", "other", false},
	} {
		if got := ids.matchText(step.want, step.got); got != step.match {
			t.Errorf("%q and %q: want %v", step.want, step.got, step.match)
		}
	}
	ids.bind(kindStatusUUID, "AAAA", "BBBB")
	body := ids.translateBody([]byte(`{"a":"` + m1 + `-O5","uuid":{"value":"AAAA"},"b":"say \"AAAA\"","c":"` + m1 + `-O9"}`))
	want := `{"a":"` + m2 + `-O2","uuid":{"value":"BBBB"},"b":"say \"AAAA\"","c":"` + m1 + `-O9"}`
	if diff := cmp.Diff(want, string(body)); diff != "" {
		t.Error(diff)
	}
}

func TestComparer(t *testing.T) {
	for _, test := range []struct {
		name      string
		want, got string
		c         comparer
		differs   bool
	}{
		{name: "equal", want: `{"a":[1,2.0],"b":"x"}`, got: `{"b":"x","a":[1.0,2]}`},
		{name: "other text", want: `{"b":"x"}`, got: `{"b":"y"}`, differs: true},
		{name: "other number", want: `{"b":1}`, got: `{"b":1.001}`, differs: true},
		{name: "other type", want: `{"b":"1"}`, got: `{"b":1}`, differs: true},
		{name: "missing field", want: `{"b":1,"c":false}`, got: `{"b":1}`, differs: true},
		{name: "additional field", want: `{"b":1}`, got: `{"b":1,"c":2}`, differs: true},
		{name: "additional field in a trimmed response", want: `{"b":1}`, got: `{"b":1,"c":2}`, c: comparer{trimmed: true}},
		{name: "missing field in a trimmed response", want: `{"b":1}`, got: `{"c":2}`, c: comparer{trimmed: true}, differs: true},
		{name: "order of a list", want: `{"resources":[{"a":1},{"a":2}]}`, got: `{"resources":[{"a":2},{"a":1}]}`, differs: true},
		{name: "order of resources cut to a quota", want: `{"resources":[{"a":1},{"a":2}]}`, got: `{"resources":[{"a":2},{"a":1}]}`, c: comparer{looseResources: true}},
		{name: "order of agents", want: `{"agents":[{"a":1},{"a":2}]}`, got: `{"agents":[{"a":2},{"a":1}]}`},
		{name: "another agent", want: `{"agents":[{"a":1},{"a":2}]}`, got: `{"agents":[{"a":2},{"a":3}]}`, differs: true},
		{name: "agent too many in a trimmed response", want: `{"agents":[{"a":1}]}`, got: `{"agents":[{"a":1},{"a":2}]}`, c: comparer{trimmed: true}, differs: true},
		{name: "agent left out", want: `{"agents":[{"trimmed":"agent x left out"},{"a":2}]}`, got: `{"agents":[{"a":2},{"a":1}]}`, c: comparer{trimmed: true}},
		{name: "other agent left out", want: `{"agents":[{"trimmed":"agent x left out"},{"a":2}]}`, got: `{"agents":[{"a":3},{"a":1}]}`, c: comparer{trimmed: true}, differs: true},
		{name: "time of an event", want: `{"registered_time":{"nanoseconds":1}}`, got: `{"registered_time":{"nanoseconds":2}}`},
		{name: "time of a window", want: `{"start":{"nanoseconds":1}}`, got: `{"start":{"nanoseconds":2}}`, differs: true},
		{name: "one port for two", want: `[{"port":1},{"port":2}]`, got: `[{"port":7},{"port":7}]`, differs: true},
		{name: "same uuid resent", want: `[{"uuid":{"value":"A"}},{"uuid":{"value":"A"}}]`, got: `[{"uuid":{"value":"B"}},{"uuid":{"value":"C"}}]`, differs: true},
		{name: "new uuids", want: `[{"uuid":{"value":"A"}},{"uuid":{"value":"D"}}]`, got: `[{"uuid":{"value":"B"}},{"uuid":{"value":"C"}}]`},
	} {
		var want, got any
		if err := json.Unmarshal([]byte(test.want), &want); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(test.got), &got); err != nil {
			t.Fatal(err)
		}
		test.c.ids = newIDMap()
		test.c.compare("body", want, got)
		if differs := len(test.c.diffs) > 0; differs != test.differs {
			t.Errorf("%s: differs %v, want %v: %q", test.name, differs, test.differs, test.c.diffs)
		}
	}
}

func TestCausalOrder(t *testing.T) {
	rec, err := parseRecording(shippedFile(t, "34-op-on-dead-agent.jsonl"), "34")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int{2, 3, 4, 5, 6, 7, 10, 8, 9, 11}, firstNumbers(rec, 10)); diff != "" {
		t.Error("the SIGKILL of line 10 belongs before the call of line 8:", diff)
	}
	rec, err = parseRecording(shippedFile(t, "10a-rescind-operator-reserve.jsonl"), "10a")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int{2, 3, 4, 5, 6, 8, 7}, firstNumbers(rec, 7)); diff != "" {
		t.Error("the request of line 8 was sent before the RESCIND of line 7:", diff)
	}
}

func firstNumbers(rec *recording, n int) []int {
	var numbers []int
	for _, l := range rec.lines[:n] {
		numbers = append(numbers, l.number)
	}
	return numbers
}

func TestPermutations(t *testing.T) {
	seen := map[string]bool{}
	for choice := range factorial(3) {
		list := []string{"a", "b", "c"}
		permute(list, choice)
		seen[strings.Join(list, "")] = true
	}
	if len(seen) != 6 {
		t.Errorf("want 6 permutations, got %v", seen)
	}
}

func TestTimerIsEstimated(t *testing.T) {
	phases := []time.Duration{970 * time.Millisecond, 990 * time.Millisecond, 10 * time.Millisecond, 400 * time.Millisecond}
	if got, _ := circularMedian(phases); got != 990*time.Millisecond {
		t.Errorf("want the median 990ms, got %v", got)
	}
	rec := &recording{}
	for tick := range 20 {
		at := 700*time.Millisecond + time.Duration(tick)*1003*time.Millisecond
		rec.lines = append(rec.lines, &recordedLine{Kind: kindEvent, at: at, items: []*item{{typ: "OFFERS"}}})
	}
	got := rec.timerAfter(nil)
	if (got.period-1003*time.Millisecond).Abs() > periodStep || (got.phase-698*time.Millisecond).Abs() > 5*time.Millisecond {
		t.Errorf("want ticks every 1.003 s from 0.698 s on, got %+v", got)
	}
}
