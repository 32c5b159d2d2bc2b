// Command mesossim runs an emulated Mesos cluster until it is told to stop. It
// prints the master's URL on the first line of its output; the control API is
// below /sim/ at the same URL (see internal/mesossim).
//
// It is a developer's tool and no part of the daemon.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"go.uber.org/zap"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/mesossim"
)

// garbage is how much of it, in percent of what is live, may pile up where up to
// fewAgents are emulated. Little is live then, and the CPU time that collecting
// takes is missing for what is measured beside.
const (
	garbage   = 400
	fewAgents = 10_000
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "mesossim:", err)
		os.Exit(1)
	}
}

// settings are the command line.
type settings struct {
	addr, workDir, redirect  string
	agents                   int
	hostname, resources, ip  string
	attributes, domain       string
	noFeedback               bool
	interval                 time.Duration
	startup, reconnect       time.Duration
	neighbour, neighbourRole string
	neighbourAgents          int
	neighbourTasks           string
	masterFlags              list
	churn                    float64
	verbose                  bool
}

// list is a flag that may be given more than once.
type list []string

func (l *list) String() string { return strings.Join(*l, " ") }

func (l *list) Set(value string) error {
	*l = append(*l, value)
	return nil
}

func parse(args []string) (settings, error) {
	var s settings
	fs := flag.NewFlagSet("mesossim", flag.ContinueOnError)
	fs.StringVar(&s.addr, "addr", "127.0.0.1:5050", "address to listen on")
	fs.StringVar(&s.workDir, "work-dir", "", "keeps agents and registry, so that a restart is a master restart; default: in memory")
	fs.StringVar(&s.redirect, "redirect-to", "", "host:port of the leader: be a follower that redirects")
	fs.IntVar(&s.agents, "agents", 3, "number of agents")
	fs.StringVar(&s.hostname, "agent-hostname", "node-%d", "hostname of an agent by number")
	fs.StringVar(&s.resources, "agent-resources", "", "resources of each agent, as for mesos-agent; several, separated by |, are given to agents in turn")
	fs.StringVar(&s.attributes, "agent-attributes", "", "attributes of each agent, as for mesos-agent")
	fs.StringVar(&s.ip, "agent-ip", "", "address of each agent; %d is its number from 1")
	fs.StringVar(&s.domain, "agent-domain", "", "region/zone of each agent")
	fs.BoolVar(&s.noFeedback, "no-operation-feedback", false, "agents of before Mesos 1.8")
	fs.DurationVar(&s.interval, "allocation-interval", time.Second, "time between allocations")
	fs.DurationVar(&s.startup, "agent-startup", 0, "how long an agent started later takes to register")
	fs.DurationVar(&s.reconnect, "agent-reconnect", 0, "how long agents take to find a restarted master; default as with pings")
	fs.StringVar(&s.neighbour, "neighbour", "", "name of a competing framework to start with")
	fs.StringVar(&s.neighbourRole, "neighbour-role", "neighbour", "its role")
	fs.IntVar(&s.neighbourAgents, "neighbour-agents", 1, "on how many agents, from the last, it takes what is free")
	fs.StringVar(&s.neighbourTasks, "neighbour-tasks", "", "resources of the task it runs on each of them; default: it holds the offers")
	fs.Var(&s.masterFlags, "master-flag", "flag of mesos-master, such as --offer_timeout=30secs; may be repeated")
	fs.Float64Var(&s.churn, "churn", 0, "offers per second that are rescinded and made anew")
	fs.BoolVar(&s.verbose, "verbose", false, "log what happens")
	return s, fs.Parse(args)
}

func (s settings) options(log *zap.Logger) mesossim.Options {
	options := mesossim.Options{
		Addr: s.addr, WorkDir: s.workDir, RedirectTo: s.redirect, Logger: log,
		AgentStartup: s.startup, AgentReconnect: s.reconnect, Churn: s.churn,
		MasterFlags: append([]string{fmt.Sprintf("--allocation_interval=%dms", s.interval.Milliseconds())}, s.masterFlags...),
	}
	sizes := strings.Split(s.resources, "|")
	for i := range s.agents {
		options.Agents = append(options.Agents, mesossim.AgentSpec{
			Hostname: numbered(s.hostname, i), Resources: sizes[i%len(sizes)], Attributes: s.attributes,
			IP: numbered(s.ip, i+1), Domain: s.domain, NoOperationFeedback: s.noFeedback,
		})
	}
	return options
}

// numbered puts n in place of %d.
func numbered(pattern string, n int) string {
	return strings.ReplaceAll(pattern, "%d", fmt.Sprint(n))
}

func run(ctx context.Context, args []string, out io.Writer) error {
	s, err := parse(args)
	if err != nil {
		return err
	}
	if s.agents <= fewAgents && os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbage)
	}
	log := zap.NewNop()
	if s.verbose {
		if log, err = zap.NewDevelopment(); err != nil {
			return fmt.Errorf("start the log: %w", err)
		}
	}
	sim, err := mesossim.Start(ctx, s.options(log))
	if err != nil {
		return err
	}
	if err := s.startNeighbour(sim); err != nil {
		return errors.Join(err, sim.Close())
	}
	if _, err := fmt.Fprintln(out, sim.URL()); err != nil {
		return errors.Join(err, sim.Close())
	}
	<-ctx.Done()
	return sim.Close()
}

// startNeighbour starts the competing framework, if one is wanted, on the last
// agents.
func (s settings) startNeighbour(sim *mesossim.Sim) error {
	if s.neighbour == "" {
		return nil
	}
	spec := mesossim.NeighbourSpec{Name: s.neighbour, Role: s.neighbourRole, Task: s.neighbourTasks}
	for i := max(0, s.agents-s.neighbourAgents); i < s.agents; i++ {
		spec.Agents = append(spec.Agents, numbered(s.hostname, i))
	}
	return sim.StartNeighbour(spec)
}
