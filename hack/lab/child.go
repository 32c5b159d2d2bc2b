package lab

// Process is a program of the caller's own that runs beside a control plane:
// it dies with this process and is kept away from the terminal's Ctrl-C.
type Process struct{ p *process }

// StartProcess runs a binary with its output appended to logPath. It has this
// process's environment, and env, each "name=value", besides.
func StartProcess(name, logPath string, env []string, binary string, args ...string) (*Process, error) {
	p, err := startProcess(name, logPath, env, binary, args...)
	if err != nil {
		return nil, err
	}
	return &Process{p}, nil
}

// Stop asks the process to end, kills it when it does not within 5 seconds, and
// returns when it is gone.
func (p *Process) Stop() { p.p.stop() }

// Kill ends the process as a crash would (SIGKILL) and returns when it is gone.
func (p *Process) Kill() { p.p.kill() }

// PID is the process's ID.
func (p *Process) PID() int { return p.p.cmd.Process.Pid }

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.p.done }

// ExitError describes the end of a process that was not asked to end, with the
// last lines of its log. Call it after Done is closed.
func (p *Process) ExitError() error { return p.p.exitError() }

// Checkout is the top directory of the checkout that this process works in.
func Checkout() (string, error) { return checkoutRoot(".") }

// FreePort is a loopback TCP port that nothing listens on.
func FreePort() (int, error) { return portOr(0) }
