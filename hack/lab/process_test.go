package lab

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The test binary plays components: its first argument is one of these. The
// second is the port, the third a file.
var fakes = map[string]func(port, file string){
	"fake-server":   serveOK,
	"fake-stubborn": func(port, _ string) { signal.Ignore(syscall.SIGTERM); serveOK(port, "") },
	"fake-broken":   func(string, string) { fmt.Println("flag provided but not defined"); os.Exit(1) },
	"fake-unlucky":  loseFirstPort,
}

func TestMain(m *testing.M) {
	if len(os.Args) == 4 {
		if play, ok := fakes[os.Args[1]]; ok {
			play(os.Args[2], os.Args[3])
			return
		}
	}
	os.Exit(m.Run())
}

// fakeLife bounds a fake's life, for the case that a test fails to end it.
const fakeLife = time.Minute

// serveOK answers 200 to everything and keeps idle connections open.
func serveOK(port, _ string) {
	time.AfterFunc(fakeLife, func() { os.Exit(1) })
	server := http.Server{
		Addr:              net.JoinHostPort(loopback, port),
		Handler:           http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}),
		ReadHeaderTimeout: fakeLife,
	}
	fmt.Println(server.ListenAndServe())
}

// loseFirstPort fails as a server does whose port is taken, once.
func loseFirstPort(port, file string) {
	if _, err := os.Stat(file); err != nil {
		_ = os.WriteFile(file, []byte(port), 0o600)
		fmt.Printf("listen tcp 127.0.0.1:%s: bind: address already in use\n", port)
		os.Exit(1)
	}
	serveOK(port, "")
}

// fakeControlPlane runs components that the test binary plays.
func fakeControlPlane(t *testing.T) *ControlPlane {
	t.Helper()
	c := &ControlPlane{dir: t.TempDir(), binary: os.Args[0], unlock: func() {}, running: map[string]*process{}}
	t.Cleanup(c.Stop)
	return c
}

func fakeLaunch(c *ControlPlane, component string, port int) launch {
	return launch{
		component: component,
		port:      port,
		args: func(port int) []string {
			return []string{strconv.Itoa(port), filepath.Join(c.dir, "state")}
		},
		probe: func(port int) probe {
			return probe{url: "http://" + address(port), client: probeClient(nil)}
		},
	}
}

func TestRun(t *testing.T) {
	taken, err := net.Listen("tcp", address(0))
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close() //nolint:errcheck // a listener of this test
	takenPort := taken.Addr().(*net.TCPAddr).Port

	tests := []struct {
		name      string
		component string
		port      int
		want      error
		mention   string
	}{
		{name: "ready", component: "fake-server"},
		{name: "port lost to another process is replaced", component: "fake-unlucky"},
		{name: "fixed port is not replaced", component: "fake-unlucky", port: takenPort, want: errPortTaken},
		{name: "early exit quotes the log", component: "fake-broken", want: errExited, mention: "flag provided but not defined"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := fakeControlPlane(t)
			port, err := c.run(t.Context(), fakeLaunch(c, test.component, test.port))
			if !errors.Is(err, test.want) {
				t.Fatalf("got %v, want %v", err, test.want)
			}
			if err == nil {
				if err := fakeLaunch(c, "", 0).probe(port).do(t.Context()); err != nil {
					t.Errorf("ready, but: %v", err)
				}
				return
			}
			if !strings.Contains(err.Error(), test.mention) || !strings.Contains(err.Error(), test.component+".log") {
				t.Errorf("the error tells neither cause nor log: %v", err)
			}
			if len(c.running) != 0 {
				t.Errorf("still claimed after the failure: %v", c.running)
			}
		})
	}
}

func TestLostPortChanges(t *testing.T) {
	c := fakeControlPlane(t)
	port, err := c.run(t.Context(), fakeLaunch(c, "fake-unlucky", 0))
	if err != nil {
		t.Fatal(err)
	}
	lost, err := os.ReadFile(filepath.Join(c.dir, "state"))
	if err != nil || string(lost) == strconv.Itoa(port) {
		t.Errorf("started again on port %d, the one it lost (%v)", port, err)
	}
}

func TestStopKillsTheStubborn(t *testing.T) {
	c := fakeControlPlane(t)
	if _, err := c.run(t.Context(), fakeLaunch(c, "fake-stubborn", 0)); err != nil {
		t.Fatal(err)
	}
	p := c.running["fake-stubborn"]
	p.stopWithin(100 * time.Millisecond)
	var exit *exec.ExitError
	if !errors.As(p.err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Errorf("ended with %v, want SIGKILL", p.err)
	}
	p.stop() // a second time does nothing
}
