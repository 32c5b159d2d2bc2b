package mesossim

import (
	"context"
	"net"
	"time"

	"go.uber.org/zap"
)

// Options say what cluster to emulate. The zero value is one master without
// agents on a free port of the loopback interface.
type Options struct {
	// Addr is the host:port to listen on; default "127.0.0.1:0".
	Addr string
	// Listen opens the listener; default net.Listen on TCP. Tests that run
	// under testing/synctest give one that hands out in-memory connections.
	Listen func(network, addr string) (net.Listener, error)
	// MasterFlags are flags of mesos-master such as --allocation_interval=1secs.
	// Those that change what a framework sees are honoured, others ignored.
	MasterFlags []string
	// Credentials are secrets by principal, in place of those of --credentials.
	Credentials map[string]string
	// Agents are started before Start returns, except those that start later.
	Agents []AgentSpec
	// WorkDir keeps agents and registry on disk: an emulator that is killed and
	// started again with the same WorkDir behaves like a master that restarts
	// and whose agents re-register. "" keeps them in memory.
	WorkDir string
	// OnCheck is called, without any lock held, with the message of a failed
	// CHECK after the master has stopped. Default: the message goes to the log and
	// to stderr, and the process exits with status 134 as after an abort.
	OnCheck func(message string)
	// Logger defaults to none.
	Logger *zap.Logger
	// HeartbeatInterval of event streams; default 15 s.
	HeartbeatInterval time.Duration
	// AgentStartup is how long an agent started later takes to register;
	// default 1 s. AgentReconnect is how long running agents take to find a
	// restarted master; default: when they miss its pings, agent_ping_timeout times
	// max_agent_ping_timeouts (75 s) after the last one, as real ones do.
	AgentStartup, AgentReconnect time.Duration
	// ShuffleAgents, when set, chooses the order in which an allocation run goes
	// through agents. It is given their hostnames sorted, and permutes them.
	// Default: random, as the real allocator's.
	ShuffleAgents func(hostnames []string)
	// Churn is how many offers per second are taken back and made anew; 0 for
	// none.
	Churn float64
	// RedirectTo makes the master a follower: every call is answered 307 with
	// this host:port as the leader.
	RedirectTo string
}

// AgentSpec describes one agent, in the words of mesos-agent's flags.
type AgentSpec struct {
	Hostname   string   `json:"hostname"`
	Resources  string   `json:"resources"`  // default cpus:8;mem:16384;disk:50000;ports:[31000-32000]
	Attributes string   `json:"attributes"` // such as rack:r1;node:n0
	Flags      []string `json:"flags,omitempty"`
	IP         string   `json:"ip,omitempty"`   // default 127.0.0.1
	Port       int      `json:"port,omitempty"` // default 5161 and up
	// NoOperationFeedback is an agent of before Mesos 1.8.
	NoOperationFeedback bool   `json:"no_operation_feedback,omitempty"`
	Domain              string `json:"domain,omitempty"` // region/zone
	StartsLater         bool   `json:"starts_later,omitempty"`
}

const (
	defaultAddr      = "127.0.0.1:0"
	defaultResources = "cpus:8;mem:16384;disk:50000;ports:[31000-32000]"
	defaultHeartbeat = 15 * time.Second
	defaultStartup   = time.Second
	firstAgentPort   = 5161
)

// withDefaults fills in what the caller left out.
func (o Options) withDefaults() Options {
	if o.Addr == "" {
		o.Addr = defaultAddr
	}
	if o.Listen == nil {
		o.Listen = func(network, addr string) (net.Listener, error) {
			return (&net.ListenConfig{}).Listen(context.Background(), network, addr)
		}
	}
	if o.Logger == nil {
		o.Logger = zap.NewNop()
	}
	if o.HeartbeatInterval <= 0 {
		o.HeartbeatInterval = defaultHeartbeat
	}
	if o.AgentStartup <= 0 {
		o.AgentStartup = defaultStartup
	}
	return o
}
