package harness

import (
	"context"
	"errors"
	"path/filepath"
	"strconv"

	"github.com/kube-mesos-extender/kube-mesos-extender/hack/lab"
)

// withoutMonitor all but stops the monitor thread of the Go runtime, as the
// extender's Deployment does. Mesos is C++ and has none, so that in a benchmark
// nobody shall pay for it.
const withoutMonitor = "GODEBUG=schedtrace=2147483647"

// errRealMaster refuses to end a master that is not ours.
var errRealMaster = errors.New("the master is a real one, started by somebody else")

// master is the emulated master's process. It keeps its address and its agents'
// disks over restarts.
type master struct {
	binary  string
	dir     string // for its log, agents and books
	port    int
	agents  []string     // flags that describe them
	bench   bool         // no log of what happens, and disks that end with the process
	process *lab.Process // nil while it does not run
}

func (h *Harness) newMaster() (*master, error) {
	port, err := lab.FreePort()
	if err != nil {
		return nil, err
	}
	agents := []string{"--agents=" + strconv.Itoa(h.options.Agents), "--agent-resources=" + h.options.AgentResources}
	if h.options.AgentReconnect > 0 {
		agents = append(agents, "--agent-reconnect="+h.options.AgentReconnect.String())
	}
	return &master{binary: h.binaries.master, dir: h.lab.Dir(), port: port, agents: agents, bench: h.options.Bench}, nil
}

// workDir is where the agents' disks are.
func (m *master) workDir() string { return filepath.Join(m.dir, "mesos") }

func (m *master) url() string { return "http://" + address(m.port) }

func (m *master) start(context.Context) (err error) {
	args, env := []string{"--addr=" + address(m.port)}, []string{withoutMonitor}
	if !m.bench {
		env = nil
		args = append(args, "--work-dir="+m.workDir(), "--verbose")
	}
	m.process, err = lab.StartProcess("mesossim", filepath.Join(m.dir, "mesossim.log"), env, m.binary, append(args, m.agents...)...)
	return err
}

func (m *master) stop() {
	if m.process != nil {
		m.process.Stop()
	}
}

// MasterURL is the master's base URL.
func (h *Harness) MasterURL() string {
	if h.master == nil {
		return h.options.MasterURL
	}
	return h.master.url()
}

// KillMaster ends the emulated master and its agents as SIGKILL does. What they
// wrote to disk stays.
func (h *Harness) KillMaster() error {
	if h.master == nil {
		return errRealMaster
	}
	h.master.process.Kill()
	return nil
}

// StartMaster starts the emulated master again after KillMaster and waits until
// it answers.
func (h *Harness) StartMaster(ctx context.Context) error {
	if h.master == nil {
		return errRealMaster
	}
	if err := h.master.start(ctx); err != nil {
		return err
	}
	return h.awaitMaster(ctx)
}
