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
	h, err := harness.Start(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("system up in %s, logs in %s", time.Since(began).Round(time.Millisecond), h.Dir())
	t.Cleanup(func() {
		h.Stop()
		if t.Failed() {
			showLogs(t, h.Dir())
		}
	})
	return h
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
		paths, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			t.Error(err)
		}
		for _, path := range paths {
			content, err := os.ReadFile(path)
			if err != nil {
				t.Error(err)
			}
			lines := strings.Split(strings.TrimSpace(string(content)), "\n")
			lines = lines[max(0, len(lines)-quotedLines):]
			t.Logf("%s ends:\n%s", path, strings.Join(lines, "\n"))
		}
	}
}

// brisk shortens the waits that protect a production cluster from haste, so
// that the tests need not sit them out.
func brisk(cfg *config.Config) {
	cfg.Offers.IdleHold.Duration = time.Second
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
