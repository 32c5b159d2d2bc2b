package luck

import (
	"fmt"
	"os"
	"syscall"
	"time"
	"unsafe"
)

// hushTime is how long the process has nothing to do. The monitor looks at
// least every 10 ms.
const hushTime = 25 * time.Millisecond

const clockMonotonic = 1 // CLOCK_MONOTONIC of clock_gettime(2)

// Hush puts the runtime's monitor (sysmon in runtime/proc.go) to sleep, and
// release lets it go on. The monitor preempts a goroutine that has run for 10 ms
// of real time, which on a busy machine is any goroutine. It sleeps once no
// goroutine has anything to do, until a timer of the runtime is due, at most a
// minute, or one makes a system call. So Hush waits for a timer of the kernel,
// and nothing may make a system call or collect garbage before release. Nor may
// there be memory to give back, which the runtime does by a timer: call
// debug.FreeOSMemory first.
func Hush() (release func(), err error) {
	fd, _, errno := syscall.Syscall(syscall.SYS_TIMERFD_CREATE, clockMonotonic, syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
	if errno != 0 {
		return nil, fmt.Errorf("timerfd_create: %w", errno)
	}
	timer := os.NewFile(fd, "timer")
	release = func() { _ = timer.Close() } // a system call; nothing was written
	spec := struct{ interval, value syscall.Timespec }{value: syscall.NsecToTimespec(hushTime.Nanoseconds())}
	_, _, errno = syscall.Syscall6(syscall.SYS_TIMERFD_SETTIME,
		fd, 0, uintptr(unsafe.Pointer(&spec)), 0, 0, 0) //nolint:gosec // package syscall has no call for it
	if errno != 0 {
		release()
		return nil, fmt.Errorf("timerfd_settime: %w", errno)
	}
	conn, err := timer.SyscallConn()
	if err != nil {
		release()
		return nil, err
	}
	ready := false
	if err := conn.Read(func(uintptr) bool { defer func() { ready = true }(); return ready }); err != nil {
		release()
		return nil, err
	}
	return release, nil
}
