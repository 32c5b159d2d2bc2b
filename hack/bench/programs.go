package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"

	"github.com/kube-mesos-extender/kube-mesos-extender/hack/harness"
	"github.com/kube-mesos-extender/kube-mesos-extender/hack/lab"
)

// child is a program that runs beside the benchmark.
type child interface {
	Stop()
	PID() int
	Done() <-chan struct{}
	ExitError() error // once Done is closed
}

// programs starts what is measured, and what it needs, each in a process of its
// own, so that no side pays for the garbage of another.
type programs interface {
	master(port int, o crowdOptions) (child, error)
	daemon(configFile string) (child, error)
	noop(address string) (child, error)
}

// binaries are the real programs.
type binaries struct {
	dir                      string // for logs
	extenderFile, masterFile string
	environment              []string // of the daemon
}

// build compiles the daemon and the emulated master.
func build(ctx context.Context, e *environment, name string) (programs, error) {
	p := binaries{dir: e.cache(name), extenderFile: e.cache("bin", "extender"), masterFile: e.cache("bin", "mesossim")}
	var err error
	if p.environment, err = harness.ExtenderEnvironment(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(p.dir, 0o750); err != nil {
		return nil, err
	}
	for file, pkg := range map[string]string{p.extenderFile: "./cmd/extender", p.masterFile: "./hack/mesossim"} {
		build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", file, pkg)
		build.Dir = e.root
		if output, err := build.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("build %s: %w\n%s", pkg, err, output)
		}
	}
	return p, nil
}

func (b binaries) start(name string, env []string, binary string, args ...string) (child, error) {
	log := filepath.Join(b.dir, name+".log")
	if err := os.RemoveAll(log); err != nil {
		return nil, err
	}
	p, err := lab.StartProcess(name, log, env, binary, args...)
	if err != nil {
		return nil, err
	}
	return p, nil
}

func (b binaries) master(port int, o crowdOptions) (child, error) {
	return b.start("mesossim", nil, b.masterFile,
		"--addr="+loopback(port), "--agents="+strconv.Itoa(o.agents), "--agent-hostname="+nodePattern,
		"--agent-resources="+o.resources, fmt.Sprintf("--churn=%v", o.churn))
}

func (b binaries) daemon(configFile string) (child, error) {
	return b.start("extender", b.environment, b.extenderFile, "--config="+configFile)
}

func (b binaries) noop(address string) (child, error) { return b.itself("noop", address) }

func (b binaries) bare(address, kubeconfig string) (child, error) {
	return b.itself("bare", address, kubeconfig)
}

// itself runs another verb of this program.
func (b binaries) itself(verb string, args ...string) (child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return b.start(verb, nil, self, append([]string{verb}, args...)...)
}
