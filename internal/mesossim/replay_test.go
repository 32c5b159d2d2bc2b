package mesossim

import (
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

var (
	transcripts = flag.String("transcripts", filepath.Join("testdata", "transcripts"),
		"folder with recordings of a real master to replay")
	realTime = flag.Bool("transcripts.realtime", false,
		"then replay over TCP on loopback in real time, too (as long as the longest recording, with -parallel 50)")
	trace = flag.Bool("transcripts.trace", false, "log how far off its recorded time each event came")
)

// TestReplay sends the calls of each recording to an emulated master and compares what comes back: status codes, error
// texts, headers, events, their order and fields, delays. It takes any folder of recordings:
//
//	go test ./internal/mesossim -run TestReplay -transcripts DIR
func TestReplay(t *testing.T) {
	files, err := transcriptFiles(*transcripts)
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Fatalf("no *.jsonl files in %s", *transcripts)
	}
	var all verdicts
	t.Cleanup(func() { t.Log(all.table()) })
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".jsonl"), func(t *testing.T) {
			t.Parallel()
			rec, err := readRecording(file, filepath.Base(file))
			if err != nil {
				all.add(filepath.Base(file), fmt.Sprintf("cannot be replayed: %v", err))
				t.Fatalf("cannot be replayed: %v", err)
			}
			o := replayWithSearch(t, rec)
			all.add(rec.name, o.verdict(rec))
			report(t, rec, o)
		})
	}
}

// transcriptFiles lists the recordings in a folder and its sub-folders. A relative path may be one from the root of
// the module, where the go command is mostly called: tests run in the folder of their package.
func transcriptFiles(folder string) ([]string, error) {
	if _, err := os.Stat(folder); err != nil && !filepath.IsAbs(folder) {
		folder = filepath.Join("..", "..", folder)
	}
	var files []string
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && strings.HasSuffix(path, ".jsonl") {
			files = append(files, path)
		}
		return err
	})
	slices.Sort(files)
	return files, err
}

// report fails the test with each difference.
func report(t *testing.T, rec *recording, o *outcome) {
	t.Helper()
	const most = 30
	for i, d := range o.diffs {
		if i == most {
			t.Errorf("… and %d more differences", len(o.diffs)-most)
			break
		}
		t.Error(d)
	}
	if *trace {
		t.Log(strings.Join(o.trace, "\n"))
	}
	t.Logf("%s: %s", rec.name, o.verdict(rec))
}

// verdict is one line about a file.
func (o *outcome) verdict(rec *recording) string {
	verdict := "ok"
	if len(o.diffs) > 0 {
		verdict = fmt.Sprintf("%d DIFFERENCES, the first: %v", len(o.diffs), o.diffs[0])
	}
	return fmt.Sprintf("%d lines, %s, %.1f s, %d runs, %s", len(rec.lines)+1, o.stats, rec.end.Seconds(), o.runs, verdict)
}

// verdicts are the lines about all files.
type verdicts struct {
	mu    sync.Mutex
	lines []string
}

func (v *verdicts) add(file, verdict string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.lines = append(v.lines, file+": "+verdict)
}

func (v *verdicts) table() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	slices.Sort(v.lines)
	return fmt.Sprintf("%d recordings:\n%s", len(v.lines), strings.Join(v.lines, "\n"))
}

// replayWithSearch replays a recording in virtual time, as often as it takes to find what was random in the recorded
// master: the shuffles of its allocator, and the phase of its timer where the recording shows too little of it.
func replayWithSearch(t *testing.T, rec *recording) *outcome {
	var first *outcome
	runs := 0
	for offset := time.Duration(0); offset < allocationInterval; offset += phaseStep {
		o := searchShuffles(func(choices []int) (o *outcome) {
			synctest.Test(t, func(*testing.T) { o = replayOnce(rec, random{choices, offset}, &memoryNetwork{}) })
			return o
		})
		runs += o.runs
		if first == nil {
			first = o
		}
		if len(o.diffs) == 0 {
			first = o
			break
		}
	}
	if *realTime && len(first.diffs) == 0 {
		first, runs = replayOnce(rec, first.random, nil), runs+1
	}
	first.runs = runs
	return first
}

// phaseStep is the distance of the phases tried.
const phaseStep = 100 * time.Millisecond

// replayOnce runs one replay from a fresh cluster to its end.
func replayOnce(rec *recording, chance random, network *memoryNetwork) *outcome {
	_, secrets := rec.credentials()
	c := &cluster{setup: rec.setup, secrets: secrets, network: network, dice: &dice{choices: chance.choices}, offset: chance.offset}
	s := &session{rec: rec, cluster: c, client: c.client(), ids: newIDMap()}
	s.timer = rec.timerAfter(nil)
	if err := c.restart(s.timer.phase); err != nil {
		return &outcome{diffs: []difference{{message: "cannot be replayed: start: " + err.Error()}}}
	}
	s.began = time.Now()
	s.run()
	for _, stream := range s.streams {
		stream.close()
	}
	c.close()
	s.client.CloseIdleConnections()
	return &outcome{diffs: s.diffs, random: chance, trace: s.trace, rolls: c.dice.rolls, began: s.began, lag: s.shift,
		stats: fmt.Sprintf("%d calls, %d operator requests, %d events, %d actions",
			s.counts.calls, s.counts.operators, s.counts.events, s.counts.actions)}
}
