package simtest

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/go-logr/logr"
	"go.uber.org/zap/zapcore"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/klog/v2"
)

var (
	oneSeed   = flag.Int64("seed", -1, "run this one seed and print its story")
	seedCount = flag.Int("seeds", 0, "how many seeds to run; 0: as many as a test may take")
	firstSeed = flag.Int("first", 1, "the first of them")
	until     = flag.String("until", "", "stop at the first seed with a violation that says this")
	only      = flag.String("only", "", "the kinds of faults to inject, with commas; all if empty")
	grace     = flag.Duration("grace", 0, "release.orphanGrace and release.unboundGrace, if not the usual ones")
	stories   = flag.String("stories", "", "a directory to write the stories of seeds with violations to")
	debugLog  = flag.Bool("debug", false, "have debug logs in the story")
)

// usualSeeds and raceSeeds take about half a minute each; make test runs both,
// make soak thousands.
const (
	usualSeeds = 300
	raceSeeds  = 20
)

// outcome is what is left of a run.
type outcome struct {
	Seed       uint64
	Violations []string
	Story      string
	Counts     counts
}

// runHere runs one seed in this process.
func runHere(t *testing.T, seed uint64) (out outcome) {
	t.Helper()
	luck, release := determine(t, seed)
	defer release()
	level := zapcore.InfoLevel
	if *debugLog {
		level = zapcore.DebugLevel
	}
	synctest.Test(t, func(t *testing.T) {
		luck.Renew()
		w, err := newWorld(seed, luck, level)
		if err != nil {
			t.Fatal(err)
		}
		w.live()
		w.stop()
		out = outcome{seed, w.violations, w.story.String(), w.counts}
	})
	return out
}

func TestSimulation(t *testing.T) {
	switch {
	case *outcomeFile != "":
		alone(t)
		writeOutcome(t, runHere(t, uint64(*oneSeed)))
	case *oneSeed >= 0:
		for out := range runs(t, slices.Values([]uint64{uint64(*oneSeed)})) {
			t.Log("\n" + out.Story)
			for _, violation := range out.Violations {
				t.Error(violation)
			}
		}
	default:
		simulateAll(t)
	}
}

// simulateAll runs many seeds and tells what they came to.
func simulateAll(t *testing.T) {
	t.Helper()
	total := counts{Faults: map[string]int{}}
	ran, failed := 0, 0
	for out := range runs(t, manySeeds) {
		ran++
		total.add(out.Counts)
		if len(out.Violations) == 0 {
			continue
		}
		failed++
		t.Errorf("seed %d: %d violations, see -seed %d:", out.Seed, len(out.Violations), out.Seed)
		for _, violation := range out.Violations {
			t.Errorf("    %s", violation)
		}
		keepStory(t, out)
		if *until != "" && strings.Contains(strings.Join(out.Violations, "\n"), *until) {
			return
		}
	}
	t.Logf("%d seeds, %d with violations; %s", ran, failed, total)
}

// manySeeds yields the seeds that the flags ask for.
func manySeeds(yield func(uint64) bool) {
	count := *seedCount
	switch {
	case count == 0 && raceEnabled:
		count = raceSeeds
	case count == 0:
		count = usualSeeds
	}
	for i := range count {
		if !yield(uint64(*firstSeed + i)) {
			return
		}
	}
}

// keepStory writes a story to where it can be read again.
func keepStory(t *testing.T, out outcome) {
	if *stories == "" {
		return
	}
	if err := os.WriteFile(filepath.Join(*stories, fmt.Sprintf("seed-%d.txt", out.Seed)), []byte(out.Story), 0o600); err != nil {
		t.Error(err)
	}
}

func (c *counts) add(other counts) {
	c.Steps += other.Steps
	c.Binds += other.Binds
	c.Releases += other.Releases
	for kind, n := range other.Faults {
		c.Faults[kind] += n
	}
}

func (c counts) String() string {
	return fmt.Sprintf("%d steps, %d binds, %d releases, faults: %v", c.Steps, c.Binds, c.Releases, c.Faults)
}

func TestMain(m *testing.M) {
	runtime.MemProfileRate = 0 // which allocations to look at is drawn
	// One of the handlers sleeps by the time at which it was called last, which
	// lies in another bubble.
	utilruntime.ErrorHandlers = nil
	klog.SetLogger(logr.Discard())
	os.Exit(m.Run())
}
