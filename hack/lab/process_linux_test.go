package lab

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"time"
)

func init() { fakes["fake-parent"] = startChildAndWait }

// startChildAndWait starts a server from a thread that ends right afterwards.
func startChildAndWait(port, file string) {
	onDyingThread(func() {
		if _, err := startProcess("child", file, nil, os.Args[0], "fake-server", port, file); err != nil {
			fmt.Println(err)
		}
	})
	time.Sleep(fakeLife)
}

// onDyingThread calls do on a thread that has ended when it returns, or is about
// to: the runtime ends a thread whose goroutine ends while locked to it, except
// the process's first one, which is therefore kept busy and passed over.
func onDyingThread(do func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		if syscall.Gettid() == os.Getpid() {
			onDyingThread(do)
			return
		}
		do()
	}()
	<-done
}

// TestChildrenDieWithTheirParent also shows that they do not die with the
// thread that asked for them.
func TestChildrenDieWithTheirParent(t *testing.T) {
	port, err := portOr(0)
	if err != nil {
		t.Fatal(err)
	}
	log := filepath.Join(t.TempDir(), "log")
	parent, err := startProcess("parent", log, nil, os.Args[0], "fake-parent", strconv.Itoa(port), log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(parent.kill)
	ask := probe{url: "http://" + address(port), client: probeClient(nil)}
	if err := awaitReady(t.Context(), parent, ask); err != nil {
		t.Fatal(err)
	}
	connection, err := net.Dial("tcp", address(port))
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close() //nolint:errcheck // a connection of this test
	parent.kill()
	_ = connection.SetReadDeadline(time.Now().Add(fakeLife / 4))
	if _, err := connection.Read(make([]byte, 1)); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("the child still serves after its parent was killed")
	}
}
