package harness

import (
	"context"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/kube-mesos-extender/kube-mesos-extender/hack/lab"
)

// reportEvery is the time between two lines about a build.
const reportEvery = 10 * time.Second

// binaries are the programs built from this checkout.
type binaries struct{ extender, master string }

// build compiles the daemon and the emulated master into .cache/bin. It takes
// seconds, minutes when nothing is in Go's build cache.
func build(ctx context.Context, race bool, progress io.Writer) (binaries, error) {
	root, err := lab.Checkout()
	if err != nil {
		return binaries{}, err
	}
	var flags []string
	suffix := ""
	if race {
		flags, suffix = []string{"-race"}, "-race"
	}
	bin := func(name string) string { return filepath.Join(root, ".cache", "bin", name) }
	built := binaries{extender: bin("extender" + suffix), master: bin("mesossim")}
	if err := goBuild(ctx, root, built.extender, "./cmd/extender", flags, progress); err != nil {
		return binaries{}, err
	}
	return built, goBuild(ctx, root, built.master, "./hack/mesossim", nil, progress)
}

func goBuild(ctx context.Context, root, binary, pkg string, flags []string, progress io.Writer) error {
	began := time.Now()
	stop := report(progress, "building "+pkg+" (minutes when nothing is compiled yet)", began)
	defer stop()
	args := append(append([]string{"build"}, flags...), "-o", binary, pkg)
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = root
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w\n%s", pkg, err, output)
	}
	return nil
}

// report prints what is being done, if it takes long, every ten seconds.
func report(progress io.Writer, what string, began time.Time) (stop func()) {
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(reportEvery)
		defer ticker.Stop()
		for {
			select {
			case <-quit:
				return
			case <-ticker.C:
				_, _ = fmt.Fprintf(progress, "%s: %s elapsed\n", what, time.Since(began).Round(time.Second))
			}
		}
	}()
	return func() { close(quit); <-done }
}
