//go:build unix && !linux

package lab

import "syscall"

// childAttributes keep the terminal's Ctrl-C away from a child. Only Linux can
// tie a child's life to its parent's; elsewhere a killed parent leaves them.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
