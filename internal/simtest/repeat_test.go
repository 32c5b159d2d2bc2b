//go:debug randseednop=0

package simtest

import (
	"encoding/json"
	"flag"
	"fmt"
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

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/simtest/luck"
)

// repeated is how many seeds are run twice.
const repeated = 10

// outcomeFile makes the test binary the process that apart starts.
var outcomeFile = flag.String("outcome", "", "run -seed in this process, and write its outcome to this file")

// apart runs a seed in a process of its own. What ran before in a process
// leaves caches behind, in the runtime too, which draws where it finds nothing
// in them.
func apart(t *testing.T, seed uint64) (out outcome) {
	t.Helper()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "outcome.json")
	cmd := exec.CommandContext(t.Context(), binary, "-test.run=^TestSimulation$", "-test.timeout=2m",
		fmt.Sprint("-seed=", seed), "-outcome="+file,
		"-only="+*only, fmt.Sprint("-grace=", *grace), fmt.Sprint("-debug=", *debugLog))
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1", "GOGC=off")
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("seed %d: %v:\n%s", seed, err, text)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &out); err != nil {
		t.Fatal(err)
	}
	return out
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
	var parted []string
	for seed := range uint64(repeated) {
		first, again := run(t, seed).Story, run(t, seed).Story
		if diff := cmp.Diff(strings.Split(first, "\n"), strings.Split(again, "\n")); diff != "" {
			parted = append(parted, fmt.Sprintf("seed %d (-first, +again):\n%s", seed, diff))
		}
	}
	if len(parted) > 1 {
		t.Errorf("%d of %d seeds tell another story the second time:\n%s", len(parted), repeated, strings.Join(parted, "\n"))
	}
}
