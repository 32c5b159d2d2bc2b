package harness

import (
	"io"
	"time"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/config"
)

// Cluster is the cluster ID that the daemon labels its reservations with.
const Cluster = "harness"

// Options say what to run.
type Options struct {
	// Name names the directory .cache/run/<name> with all logs; two harnesses
	// that run at the same time need different names.
	Name string
	// Progress takes a line for every step; nil drops them.
	Progress io.Writer
	// MasterURL is a real Mesos master to use; empty starts an emulated one
	// with agents node-0, node-1 … that all have AgentResources, in the words
	// of mesos-agent.
	MasterURL      string
	Agents         int
	AgentResources string
	// AgentReconnect is how long emulated agents take to find a restarted
	// master; default: until they miss its pings, more than a minute.
	AgentReconnect time.Duration
	// SpareCPUs are whole CPUs that each node has and its agent does not have,
	// as where only a part of a machine is given to Mesos.
	SpareCPUs int64
	// Replicas of the daemon, default 1.
	Replicas int
	// Configure changes the shipped configuration of the daemon beyond what a
	// run on loopback needs.
	Configure func(*config.Config)
	// WholeNodes makes the scheduler send Node objects rather than names
	// (nodeCacheCapable: false).
	WholeNodes bool
	// Race builds the daemon with the race detector.
	Race bool
	// Bench leaves out what is there to find faults and costs time: debug logs,
	// KWOK, the relay between the scheduler and the replicas, and the agents'
	// disks, which in reality are on other machines. No scheduler is started;
	// see RunScheduler.
	Bench bool
}

func (o Options) withDefaults() Options {
	if o.Progress == nil {
		o.Progress = io.Discard
	}
	if o.Replicas == 0 {
		o.Replicas = 1
	}
	return o
}
