//go:debug randseednop=0

package simtest

import (
	"flag"
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"testing/cryptotest"
	"testing/synctest"
	"time"

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
	seed       uint64
	violations []string
	story      *story
	counts     counts
	virtual    time.Duration
}

// run runs one seed.
func run(t *testing.T, seed uint64) (out outcome) {
	t.Helper()
	cryptotest.SetGlobalRandom(t, seed)
	rand.Seed(int64(seed)) //nolint:staticcheck // the only way to seed what client-go draws
	level := zapcore.InfoLevel
	if *debugLog {
		level = zapcore.DebugLevel
	}
	runtime.GC()
	synctest.Test(t, func(t *testing.T) {
		w, err := newWorld(seed, level)
		if err != nil {
			t.Fatal(err)
		}
		w.live()
		took := time.Since(w.story.began)
		w.stop()
		out = outcome{seed, w.violations, w.story, w.counts, took}
	})
	return out
}

func TestSimulation(t *testing.T) {
	former := runtime.GOMAXPROCS(1)
	defer runtime.GOMAXPROCS(former)
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	if *oneSeed >= 0 {
		out := run(t, uint64(*oneSeed))
		t.Log("\n" + out.story.String())
		for _, violation := range out.violations {
			t.Error(violation)
		}
		return
	}
	total := counts{faults: map[string]int{}}
	failed, seeds := 0, *seedCount
	if seeds == 0 {
		seeds = usualSeeds
		if raceEnabled {
			seeds = raceSeeds
		}
	}
	for i := range seeds {
		out := run(t, uint64(*firstSeed+i))
		total.add(out.counts)
		if len(out.violations) > 0 {
			failed++
			t.Errorf("seed %d: %d violations, see -seed %d:", out.seed, len(out.violations), out.seed)
			for _, violation := range out.violations {
				t.Errorf("    %s", violation)
			}
			keepStory(t, out)
			if *until != "" && strings.Contains(strings.Join(out.violations, "\n"), *until) {
				return
			}
		}
	}
	t.Logf("%d seeds, %d with violations; %s", seeds, failed, total)
}

// keepStory writes a story to where it can be read again: another run of the
// seed may differ.
func keepStory(t *testing.T, out outcome) {
	if *stories == "" {
		return
	}
	if err := os.WriteFile(filepath.Join(*stories, fmt.Sprintf("seed-%d.txt", out.seed)), []byte(out.story.String()), 0o600); err != nil {
		t.Error(err)
	}
}

func (c *counts) add(other counts) {
	c.steps += other.steps
	c.binds += other.binds
	c.releases += other.releases
	for kind, n := range other.faults {
		c.faults[kind] += n
	}
}

func (c counts) String() string {
	return fmt.Sprintf("%d steps, %d binds, %d releases, faults: %v", c.steps, c.binds, c.releases, c.faults)
}

func TestMain(m *testing.M) {
	// One of the handlers sleeps by the time at which it was called last, which
	// lies in another bubble.
	utilruntime.ErrorHandlers = nil
	klog.SetLogger(logr.Discard())
	os.Exit(m.Run())
}
