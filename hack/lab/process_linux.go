package lab

import "syscall"

// childAttributes make a child die with its parent, and keep the terminal's
// Ctrl-C away from it, so that the parent stops the components in order.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}
