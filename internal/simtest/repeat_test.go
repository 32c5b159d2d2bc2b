//go:debug randseednop=0

package simtest

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"iter"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"testing/cryptotest"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/simtest/luck"
)

// repeated is how many seeds are run twice.
const repeated = 10

// outcomeFile makes the test binary the process that apart starts.
var outcomeFile = flag.String("outcome", "", "run -seed in this process, and write its outcome to this file")

// apart runs a seed in a process of its own. What ran before in a process
// leaves caches behind, in the runtime too, which draws where it finds nothing
// in them.
func apart(ctx context.Context, dir string, seed uint64) (out outcome, err error) {
	binary, err := os.Executable()
	if err != nil {
		return out, err
	}
	own, err := os.MkdirTemp(dir, "") // a seed may run twice at a time
	if err != nil {
		return out, err
	}
	file := filepath.Join(own, "outcome.json")
	cmd := exec.CommandContext(ctx, binary, "-test.run=^TestSimulation$", "-test.timeout=2m",
		fmt.Sprint("-seed=", seed), "-outcome="+file,
		"-only="+*only, fmt.Sprint("-grace=", *grace), fmt.Sprint("-debug=", *debugLog))
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1", "GOGC=off")
	if text, err := cmd.CombinedOutput(); err != nil {
		return out, fmt.Errorf("seed %d: %w:\n%s", seed, err, text)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return out, err
	}
	return out, errors.Join(json.Unmarshal(data, &out), os.RemoveAll(own))
}

// sideBySide is how many seeds run at a time: one more than there are
// processors, because each waits for a moment before it begins (see luck.Hush).
var sideBySide = runtime.NumCPU() + 1

// runs yields the outcomes of seeds, in the order of the seeds. With -race they
// run in this process, one after the other: no run repeats anyway.
func runs(t *testing.T, seeds iter.Seq[uint64]) iter.Seq[outcome] {
	t.Helper()
	if !raceEnabled {
		return runsApart(t, seeds)
	}
	alone(t)
	return func(yield func(outcome) bool) {
		for seed := range seeds {
			if !yield(runHere(t, seed)) {
				return
			}
		}
	}
}

func runsApart(t *testing.T, seeds iter.Seq[uint64]) iter.Seq[outcome] {
	t.Helper()
	dir := t.TempDir()
	return func(yield func(outcome) bool) {
		ctx, cancel := context.WithCancel(t.Context())
		results := make(chan chan outcome, sideBySide-1) // each in the place of its seed
		group, ctx := errgroup.WithContext(ctx)
		group.SetLimit(sideBySide + 1) // and the one that starts them
		group.Go(func() error {
			defer close(results)
			for seed := range seeds {
				result := make(chan outcome, 1)
				select {
				case results <- result:
				case <-ctx.Done():
					return nil
				}
				group.Go(func() error {
					defer close(result)
					out, err := apart(ctx, dir, seed)
					if err == nil {
						result <- out
					}
					return err
				})
			}
			return nil
		})
		stopped := false
		for result := range results {
			if out, ok := <-result; ok && !stopped && !yield(out) {
				stopped = true
				cancel()
			}
		}
		cancel()
		if err := group.Wait(); err != nil && !stopped {
			t.Fatal(err)
		}
	}
}

func writeOutcome(t *testing.T, out outcome) {
	t.Helper()
	data, err := json.Marshal(out)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(*outcomeFile, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// alone has one goroutine run at a time until the test ends, and no collection
// of garbage come in between.
func alone(t *testing.T) {
	t.Helper()
	procs, percent := runtime.GOMAXPROCS(1), debug.SetGCPercent(-1)
	t.Cleanup(func() {
		runtime.GOMAXPROCS(procs)
		debug.SetGCPercent(percent)
	})
}

// determine has a seed determine what is drawn elsewhere: by crypto/rand, by
// math/rand and, unless races are looked for, by the Go runtime: what seeds it
// would put goroutines in an order in which they race no more. The caller calls
// release after the run.
func determine(t *testing.T, seed uint64) (source *luck.Source, release func()) {
	t.Helper()
	cryptotest.SetGlobalRandom(t, seed)
	rand.Seed(int64(seed)) //nolint:staticcheck // the only way to seed what client-go draws
	if raceEnabled {
		runtime.GC()
		return nil, func() {}
	}
	source, err := luck.New(seed)
	if err != nil {
		t.Logf("runs cannot be repeated: %v", err)
	}
	debug.FreeOSMemory() // see luck.Hush
	release, err = luck.Hush()
	if err != nil {
		t.Fatal(err)
	}
	return source, release
}

// One seed may part from itself, where the machine is very busy.
func TestSimulationRepeats(t *testing.T) {
	if raceEnabled {
		t.Skip("see determine")
	}
	twice := func(yield func(uint64) bool) {
		for i := range uint64(2 * repeated) {
			if !yield(i / 2) {
				return
			}
		}
	}
	var parted []string
	stories := map[uint64]string{}
	for out := range runs(t, twice) {
		seed, again := out.Seed, out.Story
		first, ran := stories[seed]
		if stories[seed] = again; !ran {
			continue
		}
		if diff := cmp.Diff(strings.Split(first, "\n"), strings.Split(again, "\n")); diff != "" {
			parted = append(parted, fmt.Sprintf("seed %d (-first, +again):\n%s", seed, diff))
		}
	}
	if len(parted) > 1 {
		t.Errorf("%d of %d seeds tell another story the second time:\n%s", len(parted), repeated, strings.Join(parted, "\n"))
	}
}
