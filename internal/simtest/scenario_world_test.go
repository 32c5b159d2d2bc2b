package simtest

import (
	"context"
	"math/rand"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/cryptotest"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/app"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/config"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/kube/kubetest"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/mesossim"
)

// scene is what a scenario begins with. The zero value is one replica of the
// daemon and two agents of 4 cpus and 4096 MiB, host-0 and host-1.
type scene struct {
	agents    []mesossim.AgentSpec
	flags     []string // of the master, after the usual ones
	configure func(*config.Config)
	idle      bool // start no daemon
}

// stage is a world in which nothing happens but what a scenario does: its pods
// are bound by nobody else, and no other framework is about.
type stage struct {
	*world
	t         *testing.T
	configure func(*config.Config)
	p         *process         // started last
	aside     map[string]*link // ways to other addresses than the master's
	stuck     atomic.Bool      // connections to the master are half open
	hidden    string           // name of a pod that lists leave out
}

const (
	soon   = 30 * time.Second       // within which all that is expected happens
	moment = 20 * time.Millisecond  // between two looks
	beat   = 200 * time.Millisecond // after which what was sent has arrived
)

// play sets the scene and runs a scenario in virtual time. At the end no
// invariant may be broken that bindingAccepted and check look at.
func play(t *testing.T, sc scene, act func(*stage)) {
	t.Helper()
	cryptotest.SetGlobalRandom(t, 1)
	rand.Seed(1) //nolint:staticcheck // the only way to seed what client-go draws
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, sc)
		defer s.leave()
		if !sc.idle {
			s.start("A1")
			s.eventually("the daemon is ready", s.p.ready)
		}
		act(s)
		synctest.Wait()
		s.check()
	})
}

func newStage(t *testing.T, sc scene) *stage {
	w := &world{
		rng: nil, dice: newDice(1), level: zapcore.DebugLevel,
		story: &story{began: time.Now()}, network: &network{}, addresses: map[string]string{}, mute: map[string]bool{},
		wipedAt: map[string]time.Time{}, boundAt: map[string]time.Time{}, onDisk: map[string]bool{},
		counts: counts{Faults: map[string]int{}}, neighbour: &neighbour{},
	}
	w.ctx, w.cancel = context.WithCancel(context.Background())
	if sc.agents == nil {
		sc.agents = []mesossim.AgentSpec{agentSpec("host-0"), agentSpec("host-1")}
	}
	s := &stage{world: w, t: t, configure: sc.configure}
	s.startMesos(sc)
	w.kube = kubetest.New()
	w.kube.OnBind(w.bindingAccepted)
	w.api = newAPIServer(w.kube, w.dice)
	for _, spec := range sc.agents {
		w.hosts = append(w.hosts, spec.Hostname)
		w.mute[spec.Hostname] = spec.NoOperationFeedback
		w.addNode(spec.Hostname)
	}
	return s
}

func agentSpec(hostname string) mesossim.AgentSpec {
	return mesossim.AgentSpec{Hostname: hostname, Resources: "cpus:4;mem:4096;disk:1000;ports:[31000-31009]"}
}

func (s *stage) startMesos(sc scene) {
	var err error
	s.sim, err = mesossim.Start(context.Background(), mesossim.Options{
		Addr: "127.0.0.1:5050", Listen: s.network.listen,
		MasterFlags: append([]string{
			"--allocation_interval=500ms", "--agent_ping_timeout=1secs", "--max_agent_ping_timeouts=3",
			"--agent_reregister_timeout=20secs",
		}, sc.flags...),
		Agents:            sc.agents,
		OnCheck:           func(message string) { s.violated("a call killed the master: %s", message) },
		HeartbeatInterval: time.Second, AgentStartup: 500 * time.Millisecond, AgentReconnect: 700 * time.Millisecond,
		ShuffleAgents: func([]string) {},
		Logger:        zap.NewNop(),
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

// leave ends everything, and tells the story of a scenario that failed.
func (s *stage) leave() {
	s.stop()
	for _, violation := range s.violations {
		s.t.Error(violation)
	}
	if s.t.Failed() {
		s.t.Log("\n" + s.story.String())
	}
}

// start starts a process of the daemon, as the scene configures it or by what
// else is given.
func (s *stage) start(name string, more ...func(*config.Config)) *process {
	s.t.Helper()
	p := &process{
		name: name, link: newLink(s.network), gate: newGate(s.api, name), listener: newMemoryListener(),
		ended: make(chan struct{}), crashed: make(chan struct{}),
	}
	cfg := configuration(s.sim.URL())
	cfg.Filter.SoleCandidate = false // scenarios ask where a pod fits
	for _, change := range append([]func(*config.Config){s.configure}, more...) {
		if change != nil {
			change(cfg)
		}
	}
	log := zap.New(&logCore{story: s.story, who: name, level: s.level, seen: p.listen})
	var err error
	p.app, err = app.NewWith(cfg, incomplete{p.gate, s.hidden}, log, app.Options{
		Listener: p.listener, Dial: s.dial(p),
		Jitter: func(limit time.Duration) time.Duration { return limit },
	})
	if err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	p.cancel = cancel
	go func() {
		defer close(p.ended)
		err := p.app.Run(ctx)
		s.story.tell("%s ended: %v", name, err)
	}()
	s.p = p
	s.all = append(s.all, p)
	return p
}

// dial is how a process reaches Mesos.
func (s *stage) dial(p *process) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		if other := s.aside[address]; other != nil {
			return other.dial(ctx, network, address)
		}
		raw, err := p.link.dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &halfOpen{Conn: raw, stuck: &s.stuck, closed: make(chan struct{})}, nil
	}
}

// halfOpen is a connection on which nothing arrives once it is stuck. Unlike a
// frozen link it tells its own side when that closes it.
type halfOpen struct {
	net.Conn
	stuck  *atomic.Bool
	once   sync.Once
	closed chan struct{}
}

func (c *halfOpen) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if c.stuck.Load() {
		<-c.closed
		return 0, net.ErrClosed
	}
	return n, err
}

func (c *halfOpen) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.Conn.Close()
}

// restart starts another process and waits until it leads.
func (s *stage) restart(name string, more ...func(*config.Config)) *process {
	s.t.Helper()
	p := s.start(name, more...)
	s.eventually(name+" is ready", p.ready)
	return p
}

// crash kills the process as SIGKILL does.
func (s *stage) crash() {
	s.story.tell("%s is killed", s.p.name)
	s.p.kill()
}

// eventually waits for something to come true.
func (s *stage) eventually(what string, is func() bool) {
	s.t.Helper()
	for began := time.Now(); ; time.Sleep(moment) {
		synctest.Wait()
		if is() {
			s.story.tell("SCENARIO: %s", what)
			return
		}
		if time.Since(began) > soon {
			s.t.Fatalf("in %v it did not come about that %s", soon, what)
		}
	}
}

// always looks for a while whether something stays true.
func (s *stage) always(what string, d time.Duration, is func() bool) {
	s.t.Helper()
	for began := time.Now(); time.Since(began) < d; time.Sleep(5 * moment) {
		synctest.Wait()
		if !is() {
			s.t.Fatalf("after %v it was no longer so that %s", time.Since(began), what)
		}
	}
	s.story.tell("SCENARIO: for %v %s", d, what)
}

// expect fails the scenario unless something is so.
func (s *stage) expect(is bool, format string, args ...any) {
	s.t.Helper()
	if !is {
		s.t.Errorf("not so: "+format, args...)
	}
}

// told reports whether a line of the story, such as a log line, has the text.
func (s *stage) told(text string) bool { return strings.Contains(s.story.String(), text) }

// metric reads one of the daemon's metrics; one with labels that has not been
// counted yet is 0.
func (s *stage) metric(name string) float64 {
	s.t.Helper()
	values, err := s.p.metrics()
	if err != nil {
		s.t.Fatal(err)
	}
	value, known := values["mesos_extender_"+name]
	if !known && !strings.Contains(name, "{") {
		s.t.Fatalf("there is no metric %s", name)
	}
	return value
}

// inject has something go wrong in Mesos.
func (s *stage) inject(fault mesossim.Fault) {
	s.t.Helper()
	s.done(s.sim.Inject(fault))
}

// done fails the scenario if one of its own steps failed.
func (s *stage) done(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// operator sends an operator call that the master must take.
func (s *stage) operator(kind, field string, body map[string]any) {
	s.t.Helper()
	call := map[string]any{"type": kind}
	if field != "" {
		call[field] = body
	}
	if !ok(s.operate(call)) {
		s.t.Fatalf("the master refuses %s:\n%s", kind, s.story)
	}
}
