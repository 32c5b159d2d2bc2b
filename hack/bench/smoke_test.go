package main

import (
	"context"
	"io"
	"net"
	"os"
	"strings"
	"testing"

	"go.uber.org/zap"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/app"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/config"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/kube"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/mesossim"
)

// inProcess runs the programs within the test.
type inProcess struct{ t *testing.T }

// task is a program that runs as a goroutine.
type task struct {
	stop context.CancelFunc
	done chan struct{}
	err  error
}

func start(ctx context.Context, run func(context.Context) error) *task {
	ctx, stop := context.WithCancel(ctx)
	k := &task{stop: stop, done: make(chan struct{})}
	go func() { defer close(k.done); k.err = run(ctx) }()
	return k
}

func (k *task) Stop()                 { k.stop(); <-k.done }
func (k *task) PID() int              { return os.Getpid() }
func (k *task) Done() <-chan struct{} { return k.done }
func (k *task) ExitError() error      { return k.err }

func (p inProcess) master(port int, o crowdOptions) (child, error) {
	sizes := strings.Split(o.resources, "|")
	options := mesossim.Options{Addr: loopback(port), Churn: o.churn, MasterFlags: []string{"--allocation_interval=50ms"}}
	for i := range o.agents {
		options.Agents = append(options.Agents, mesossim.AgentSpec{Hostname: nodeName(i), Resources: sizes[i%len(sizes)]})
	}
	sim, err := mesossim.Start(p.t.Context(), options)
	if err != nil {
		return nil, err
	}
	return start(p.t.Context(), func(ctx context.Context) error { <-ctx.Done(); return sim.Close() }), nil
}

func (p inProcess) daemon(file string) (child, error) {
	cfg, err := config.Load(file)
	if err != nil {
		return nil, err
	}
	client, _, err := kube.Connect(cfg.Kubernetes.Kubeconfig, zap.NewNop())
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", cfg.Server.Address)
	if err != nil {
		return nil, err
	}
	daemon, err := app.NewWith(cfg, client, zap.NewNop(), app.Options{Listener: listener})
	if err != nil {
		return nil, err
	}
	return start(p.t.Context(), daemon.Run), nil
}

func (p inProcess) noop(address string) (child, error) {
	return start(p.t.Context(), func(ctx context.Context) error { return serve(ctx, address, (&noop{}).handler()) }), nil
}

// The machinery of the rows without a control plane works, at a size at which it
// takes a second.
func TestCallsAreCompared(t *testing.T) {
	for _, verb := range []string{"filter", "prioritize"} {
		r, err := compareCalls(t.Context(), inProcess{t}, t.TempDir(), verb, 4, 50)
		if err != nil {
			t.Fatalf("%s: %v", verb, err)
		}
		if !(r.ours > 0 && r.reference > 0 && r.ratio > 0) {
			t.Errorf("%s: got %+v", verb, r)
		}
	}
}

func TestIngestIsMeasured(t *testing.T) {
	e := &environment{root: t.TempDir(), progress: io.Discard}
	r, err := ingestPairsOf(t.Context(), e, 300, 1)
	if err != nil || !(r.ours > 0 && r.reference > 0) {
		t.Errorf("got %+v, %v", r, err)
	}
}

func TestChurnIsMeasured(t *testing.T) {
	c, err := startCrowd(t.Context(), inProcess{t}, t.TempDir(), crowdOptions{agents: 20, resources: distinct, churn: 200})
	if err != nil {
		t.Fatal(err)
	}
	defer c.stop()
	r, err := c.load(t.Context(), 500_000_000)
	if err != nil || !(r.ours >= 0) || r.details[0].value < 20 {
		t.Errorf("got %+v, %v", r, err)
	}
}

func TestCheckRefusesWrongAnswers(t *testing.T) {
	for answer, good := range map[string]bool{
		`{"NodeNames":["node-0.example.com","node-2.example.com"]}`: true,
		`{"NodeNames":["node-0.example.com","node-1.example.com"]}`: false,
		`{"NodeNames":[]}`: false,
		`{"NodeNames":["node-0.example.com"],"Error":"no"}`: false,
		`[]`: false,
	} {
		if err := check("filter", 4, []byte(answer)); (err == nil) != good {
			t.Errorf("%s: got %v", answer, err)
		}
	}
	if check("prioritize", 2, []byte(`[{"Host":"a","Score":1}]`)) == nil {
		t.Error("a node without a score must not pass")
	}
}
