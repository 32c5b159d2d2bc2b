package mesossim

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"
)

// cluster is the emulated cluster of one replay.
type cluster struct {
	setup   recordedSetup
	secrets map[string]string
	network *memoryNetwork // nil: real sockets on loopback
	dice    *dice
	sim     *Sim
	offset  time.Duration // by which ticks come earlier than estimated
	addr    string        // of the first master; a fresh one takes its place

	mu     sync.Mutex
	failed []string // texts of the CHECKs that failed since the start
}

// warmUp is how long agents get to register before the recording's t=0. Whole allocation intervals.
const warmUp = 6 * time.Second

// tickToOffers is how long after a tick its OFFERS were recorded. More than was measured: a call that answers OFFERS
// must come after their tick.
const tickToOffers = 15 * time.Millisecond

// restart replaces the cluster by a fresh one and returns when its agents are registered and the next tick of its
// allocation timer is phase away (modulo the interval).
func (c *cluster) restart(phase time.Duration) error {
	c.close()
	c.mu.Lock()
	c.failed = nil
	c.mu.Unlock()
	if c.network != nil {
		c.network = &memoryNetwork{}
	}
	sim, err := Start(context.Background(), c.options())
	if err != nil {
		return err
	}
	c.sim = sim
	c.addr = strings.TrimPrefix(sim.URL(), "http://")
	time.Sleep(warmUp - phase + tickToOffers + c.offset)
	return nil
}

func (c *cluster) options() Options {
	options := Options{
		Addr:          cmp.Or(c.addr, "127.0.0.1:0"),
		MasterFlags:   c.flags(),
		Credentials:   c.secrets,
		OnCheck:       c.onCheck,
		ShuffleAgents: c.dice.shuffle,
		Logger:        zap.NewNop(),
	}
	if c.network != nil {
		options.Listen = c.network.listen
	}
	for _, agent := range c.setup.Agents {
		options.Agents = append(options.Agents, AgentSpec{
			Hostname: agent.Hostname, Resources: agent.Resources, Attributes: agent.Attributes,
			Flags: agent.Flags, StartsLater: agent.StartsLater,
		})
	}
	return options
}

// flags are the master's, without the credentials file of the recorder: its contents are in a note.
func (c *cluster) flags() []string {
	return slices.DeleteFunc(slices.Clone(c.setup.MasterFlags), func(flag string) bool {
		return len(c.secrets) > 0 && strings.HasPrefix(flag, "--credentials=")
	})
}

func (c *cluster) onCheck(msg string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failed = append(c.failed, msg)
}

// died is the text of the failed CHECK that ended the master, empty if it lives.
func (c *cluster) died() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strings.Join(c.failed, "; ")
}

func (c *cluster) url() string { return c.sim.URL() }

func (c *cluster) close() {
	if c.sim != nil {
		_ = c.sim.Close()
		c.sim = nil
	}
}

// client never reuses connections: the recorder did not either, and a dead master must be noticed by its call.
func (c *cluster) client() *http.Client {
	transport := &http.Transport{DisableKeepAlives: true, DisableCompression: true}
	if c.network != nil {
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) { return c.network.dial(ctx) }
	}
	return &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
}

func (c *cluster) touchAgent(host string, verb agentVerb) error {
	switch verb {
	case verbKill:
		return c.sim.KillAgent(host)
	case verbTerm:
		return c.sim.TermAgent(host)
	case verbHang:
		return c.sim.HangAgent(host)
	case verbUnregister:
		return c.sim.UnregisterAgent(host)
	case verbContinue:
		return c.sim.ContinueAgent(host)
	case verbStart:
		return c.sim.StartAgent(host)
	case verbStartNewID:
		return c.sim.StartAgentNewID(host)
	case verbStartWiped:
		return c.sim.StartAgentWiped(host)
	}
	return fmt.Errorf("unknown action %q", verb)
}

// killAgents kills the agents that still run.
func (c *cluster) killAgents() {
	for _, agent := range c.setup.Agents {
		_ = c.sim.KillAgent(agent.Hostname) // an error says that it does not run
	}
}

// pingTimeout is --agent_ping_timeout.
func (c *cluster) pingTimeout() time.Duration {
	for _, flag := range c.setup.MasterFlags {
		if value, ok := strings.CutPrefix(flag, "--agent_ping_timeout="); ok {
			if d, err := time.ParseDuration(strings.TrimSuffix(value, "ecs")); err == nil {
				return d
			}
		}
	}
	return 15 * time.Second
}

// memoryNetwork is the one address of an emulated master, without sockets, so that a replay can run in virtual time.
type memoryNetwork struct {
	mu       sync.Mutex
	listener *memoryListener
}

type memoryListener struct {
	network *memoryNetwork
	arrived chan net.Conn
	closed  chan struct{}
	once    sync.Once
}

func (n *memoryNetwork) listen(string, string) (net.Listener, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.listener = &memoryListener{network: n, arrived: make(chan net.Conn), closed: make(chan struct{})}
	return n.listener, nil
}

func (n *memoryNetwork) dial(ctx context.Context) (net.Conn, error) {
	n.mu.Lock()
	listener := n.listener
	n.mu.Unlock()
	if listener == nil {
		return nil, errors.New("connection refused")
	}
	ours, theirs := net.Pipe()
	select {
	case listener.arrived <- theirs:
		return ours, nil
	case <-listener.closed:
		return nil, errors.New("connection refused")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (l *memoryListener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.arrived:
		return conn, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *memoryListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

// Addr is the address recorded masters had.
func (l *memoryListener) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 5150} }
