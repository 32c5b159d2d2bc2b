package lab

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// stopGrace is how long a process may take after SIGTERM before it is killed.
// Nothing of a lab is worth keeping, so this is a courtesy, not a need.
const stopGrace = 5 * time.Second

// quotedLog is how many bytes of a log's end an error quotes.
const quotedLog = 2 << 10

// process is one running component and the goroutine that waits for it.
type process struct {
	name    string
	logPath string
	cmd     *exec.Cmd
	done    chan struct{} // closed when the process has ended
	err     error         // how it ended; read only after done
}

// startProcess runs a binary with its output appended to logPath, and env added
// to the environment.
func startProcess(name, logPath string, env []string, binary string, args ...string) (*process, error) {
	log, err := os.OpenFile(logPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close() //nolint:errcheck // the child writes through its own descriptor
	cmd := exec.Command(binary, args...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = childAttributes()
	p := &process{name: name, logPath: logPath, cmd: cmd, done: make(chan struct{})}
	started := make(chan error, 1)
	go p.supervise(started)
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	return p, nil
}

// supervise starts the process and waits for its end on one OS thread, held for
// as long as the child lives: the kernel sends the parent-death signal when the
// thread that forked ends, and the Go runtime may end an idle thread any time.
func (p *process) supervise(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := p.cmd.Start()
	started <- err
	if err != nil {
		return
	}
	p.err = p.cmd.Wait()
	close(p.done)
}

// stop ends the process politely if it lets itself be asked.
func (p *process) stop() { p.stopWithin(stopGrace) }

// stopWithin ends the process: SIGTERM, the grace period, SIGKILL. It returns
// when the process is gone, and may be called again or on nil.
func (p *process) stopWithin(grace time.Duration) {
	if p == nil {
		return
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // fails only when it has ended already
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-p.done:
	case <-timer.C:
		p.kill()
	}
}

// kill ends the process as a crash would and returns when it is gone.
func (p *process) kill() {
	if p == nil {
		return
	}
	_ = p.cmd.Process.Kill() // fails only when it has ended already
	<-p.done
}

// errExited says that a process ended by itself; errPortTaken that it did so
// because somebody else took its port first.
var (
	errExited    = errors.New("exited before it was ready")
	errPortTaken = errors.New("port taken by another process")
)

// exitError describes a process that ended by itself.
func (p *process) exitError() error {
	tail := p.logTail()
	reason := errExited
	if strings.Contains(tail, "address already in use") {
		reason = errPortTaken
	}
	return fmt.Errorf("%s: %w (%w); log %s ends:\n%s", p.name, reason, p.err, p.logPath, tail)
}

// logTail is the end of the log, from a line's beginning. It reads no more than
// that: logs of benchmarks are long, and may be asked for often.
func (p *process) logTail() string {
	log, err := os.Open(p.logPath)
	if err != nil {
		return err.Error()
	}
	defer log.Close() //nolint:errcheck // only read
	info, err := log.Stat()
	if err != nil {
		return err.Error()
	}
	cut := max(0, info.Size()-quotedLog)
	content, err := io.ReadAll(io.NewSectionReader(log, cut, quotedLog))
	if err != nil {
		return err.Error()
	}
	if cut > 0 {
		if _, rest, found := bytes.Cut(content, []byte("\n")); found {
			content = rest
		}
	}
	return string(content)
}
