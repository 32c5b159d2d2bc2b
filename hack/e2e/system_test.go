package e2e

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kube-mesos-extender/kube-mesos-extender/hack/harness"
	"github.com/kube-mesos-extender/kube-mesos-extender/hack/harness/neighbour"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/config"
)

const (
	// patience bounds what takes moments on an idle machine.
	patience = 30 * time.Second
	// quotedLines is how much of a log's end a failed test shows.
	quotedLines = 30
)

// start runs a system for one test and ends it with the test.
func start(t *testing.T, options harness.Options) *harness.Harness {
	t.Helper()
	if testing.Short() {
		t.Skip("runs a control plane")
	}
	began := time.Now()
	options.Name = "e2e-" + t.Name()
	options.Progress = testWriter{t}
	options.Race = race
	h, err := harness.Start(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("system up in %s, logs in %s", time.Since(began).Round(time.Millisecond), h.Dir())
	t.Cleanup(func() {
		h.Stop()
		scanLogs(t, h.Dir())
		if t.Failed() {
			showLogs(t, h.Dir())
		}
	})
	return h
}

// errorLine marks a line of the daemon that reports a defect.
const errorLine = `"level":"error"`

// alarms are what no log may hold, whatever happened to the system.
var alarms = map[string][]string{
	"extender-*.log":     {errorLine, "panic: ", "DATA RACE", " is forbidden: "},
	"kube-scheduler.log": {" is forbidden: "},
	"mesossim.log":       {"dies of a failed check"},
}

// provoked is what a test makes the daemon report, by the test's name.
var provoked = map[string]string{"TestFailedOver": failedOver}

// scanLogs fails a test for what went wrong unnoticed: a missing RBAC rule, a
// broken invariant, a call that ends a real master.
func scanLogs(t *testing.T, dir string) {
	for pattern, words := range alarms {
		for path, lines := range readLogs(t, dir, pattern) {
			for _, line := range lines {
				if wanted := provoked[t.Name()]; alarming(line, words) && (wanted == "" || !strings.Contains(line, wanted)) {
					t.Errorf("%s: %s", path, line)
				}
			}
		}
	}
}

// alarming reports whether a line holds one of the words. client-go calls an
// error what is none, such as two replicas that both try to create the Lease.
func alarming(line string, words []string) bool {
	for _, word := range words {
		if strings.Contains(line, word) && (word != errorLine || !strings.Contains(line, `"component":"client-go"`)) {
			return true
		}
	}
	return false
}

// readLogs reads logs by path.
func readLogs(t *testing.T, dir, pattern string) map[string][]string {
	paths, err := filepath.Glob(filepath.Join(dir, pattern))
	must(t, err)
	logs := map[string][]string{}
	for _, path := range paths {
		content, err := os.ReadFile(path)
		must(t, err)
		logs[path] = strings.Split(strings.TrimSpace(string(content)), "\n")
	}
	return logs
}

// testWriter turns progress into a test's log.
type testWriter struct{ t *testing.T }

func (w testWriter) Write(line []byte) (int, error) {
	w.t.Log(strings.TrimSuffix(string(line), "\n"))
	return len(line), nil
}

// showLogs prints the end of the daemon's and the master's logs.
func showLogs(t *testing.T, dir string) {
	for _, pattern := range []string{"extender-*.log", "mesossim.log"} {
		for path, lines := range readLogs(t, dir, pattern) {
			t.Logf("%s ends:\n%s", path, strings.Join(lines[max(0, len(lines)-quotedLines):], "\n"))
		}
	}
}

// brisk shortens the waits that protect a production cluster from haste, so
// that the tests need not sit them out.
func brisk(cfg *config.Config) {
	cfg.Offers.IdleHold.Duration = time.Second
	cfg.Release.Linger.Duration = time.Second
	cfg.Release.OrphanGrace.Duration = 3 * time.Second
	cfg.Release.UnboundGrace.Duration = 10 * time.Second
	cfg.Release.OperatorAfter.Duration = 5 * time.Second
	cfg.Release.SweepInterval.Duration = 5 * time.Second
}

// compete starts a neighbour framework that ends with the test.
func compete(t *testing.T, h *harness.Harness, name string, policy neighbour.Policy) *neighbour.Neighbour {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	n, err := neighbour.Start(ctx, neighbour.Options{Master: h.MasterURL(), Name: name, Role: "spark", Policy: policy})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Stop)
	return n
}

// await fails the test unless check returns nil in time.
func await(t *testing.T, timeout time.Duration, what string, check func(context.Context) error) {
	t.Helper()
	if err := harness.Await(t.Context(), timeout, what, check); err != nil {
		t.Fatal(err)
	}
}

// must fails the test on an error.
func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
