package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/clock"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/bind"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/config"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/demand"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/filter"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/kube"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/mesos"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/offercache"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/reservation"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/roster"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/sampling"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/server"
)

// App is one replica of the daemon.
type App struct {
	cfg      *config.Config
	log      *zap.Logger
	clock    clock.WithTicker
	registry *prometheus.Registry
	metrics  *metrics

	client       kubernetes.Interface
	pods         *kube.Pods
	nodes        *kube.Nodes
	lease        *kube.Lease
	events       *kube.Events
	translator   *resources.Translator
	master       *mesos.Client
	cache        *offercache.Cache
	reservations *reservation.Manager
	roster       *roster.Roster
	demand       *demand.Manager
	sampling     *sampling.Manager
	binder       *bind.Binder
	server       *server.Server

	options Options
	state   state // what readiness is made of
	agents  agentNotes
	highest atomic.Int32 // priority of any pod of ours so far
	inverse chan inverse // inverse offers to answer
}

// Options put something else in the place of the network. The zero value is
// the network; tests that run in virtual time have connections in memory.
type Options struct {
	// Listener takes kube-scheduler's calls in place of server.address.
	Listener net.Listener
	// Dial opens the connections to Mesos.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Jitter picks a random part of a limit; see mesos.Config.
	Jitter func(limit time.Duration) time.Duration
	// Clock tells the time, nil for the system's.
	Clock clock.WithTicker
	// Registry takes the metrics, nil for one that has those of the Go runtime
	// and of the operating system's process, too.
	Registry *prometheus.Registry
}

// Run runs a replica until ctx ends, which is no error, or until something
// happened that only a restart mends: the lease was lost, the framework was
// taken over, the master refuses us. In the first case binds in flight finish
// before Mesos is left and the lease is given up.
func Run(ctx context.Context, cfg *config.Config, log *zap.Logger) error {
	kube.BridgeKlog(log)
	client, _, err := kube.Connect(cfg.Kubernetes.Kubeconfig, log)
	if err != nil {
		return err
	}
	a, err := New(cfg, client, log)
	if err != nil {
		return err
	}
	return a.Run(ctx)
}

// New builds a replica. Nothing is sent or listened on before Run.
func New(cfg *config.Config, client kubernetes.Interface, log *zap.Logger) (*App, error) {
	return NewWith(cfg, client, log, Options{})
}

// NewWith is New with options.
func NewWith(cfg *config.Config, client kubernetes.Interface, log *zap.Logger, options Options) (*App, error) {
	if options.Clock == nil {
		options.Clock = clock.RealClock{}
	}
	if options.Registry == nil {
		options.Registry = prometheus.NewRegistry()
		options.Registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	}
	a := &App{
		cfg: cfg, client: client, log: log, clock: options.Clock,
		registry: options.Registry, options: options, inverse: make(chan inverse, maxInverse),
	}
	a.cache = offercache.New(a.clock)
	a.metrics = newMetrics(a.registry, a.cache)
	for _, build := range []func() error{a.buildKube, a.buildMesos, a.buildDecisions, a.buildSampling, a.buildServer} {
		if err := build(); err != nil {
			return nil, err
		}
	}
	return a, nil
}

func (a *App) buildKube() (err error) {
	if a.pods, err = kube.NewPods(a.client, a.cfg.SchedulerName, a.log); err != nil {
		return err
	}
	if err := a.pods.On(podEvents{a}); err != nil {
		return err
	}
	if a.nodes, err = kube.NewNodes(a.client, a.log, a.clock); err != nil {
		return err
	}
	lease, me := a.cfg.Kubernetes.Lease, identity()
	a.events = kube.NewEvents(a.client, me[:min(len(me), maxInstance)], a.log, a.clock)
	a.lease, err = kube.NewLease(a.client, kube.LeaseOptions{
		Namespace: lease.Namespace, Name: lease.Name, Identity: me,
		LeaseDuration: lease.LeaseDuration.Duration, RenewDeadline: lease.RenewDeadline.Duration,
		RetryPeriod: lease.RetryPeriod.Duration,
	}, a.log, a.clock)
	return err
}

// maxInstance is the longest reportingInstance of an Event, in bytes.
const maxInstance = 128

// identity is unique to this process, also over its restarts.
func identity() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown-host"
	}
	return host + "_" + uuid.NewString()
}

func (a *App) buildDecisions() error {
	cfg := a.cfg
	principal, err := a.principal()
	if err != nil {
		return err
	}
	a.reservations = reservation.New(reservation.Options{
		Cluster: cfg.ClusterID, Principal: principal,
		ConfirmTimeout: cfg.Bind.ConfirmTimeout.Duration,
		AuditInterval:  cfg.Release.SweepInterval.Duration,
		OrphanGrace:    cfg.Release.OrphanGrace.Duration,
		UnboundGrace:   cfg.Release.UnboundGrace.Duration,
		OperatorAfter:  cfg.Release.OperatorAfter.Duration,
		RemainderWait:  cfg.Bind.RemainderWait.Duration,
		Rush:           cfg.Bind.Rush,
		Linger:         cfg.Release.Linger.Duration,
		AdoptFormer:    cfg.Release.AdoptFormerPrincipals,
	}, reservation.Deps{
		Cache: a.cache, Master: a.master, Operator: operator{a}, Pods: liveness{a},
		Hurry:   func(role string) { a.demand.Hurry(role) },
		Watched: func(uid string) bool { _, ok := a.pods.ByUID(uid); return ok },
		Freed:   func(key offercache.Key) { a.demand.Changed([]offercache.Key{key}) },
		Lost:    a.tellLost, Refused: a.tellRefused, Waits: a.tellResizeWaits, Resized: a.tellResized,
		Log: a.log, Registerer: a.registry, Clock: a.clock,
	})
	a.buildRoster()
	a.demand = demand.New(demandOptions(cfg), demand.Deps{
		Cache: a.cache, Master: a.master, Wanting: a.reservations.Wanting,
		Usable: a.usable, Wake: a.wake,
		Log: a.log, Registerer: a.registry, Clock: a.clock,
	})
	a.binder = bind.New(bind.Options{
		SchedulerName: cfg.SchedulerName,
		RefuseForeign: cfg.ForeignPods == config.Refuse,
		Timeout:       cfg.Bind.Timeout.Duration,
	}, bind.Deps{
		Pods: a.pods, Reserver: a.reservations, Need: a.need, Agent: a.agentOf,
		Bindings: bindings{a}, Leading: a.lease.IsLeader,
		Log: a.log, Registerer: a.registry, Clock: a.clock,
	})
	return nil
}

func (a *App) buildServer() error {
	cfg := a.cfg.Server
	a.server = server.New(server.Options{
		Address: cfg.Address, DebugAddress: cfg.DebugAddress, MaxBodyBytes: cfg.MaxBodyBytes,
		TLS:             server.TLS(cfg.TLS),
		ShutdownTimeout: cfg.ShutdownTimeout.Duration,
		Strategy:        filter.Strategy(a.cfg.Scoring.Strategy),
		Candidates:      a.cfg.Filter.Candidates,
		SoleCandidate:   a.cfg.Filter.SoleCandidate,
	}, server.Deps{
		Cluster: a, Binder: a.binder, Ready: a, Waiting: a,
		Log: a.log, Registry: a.registry, Clock: a.clock,
	})
	return nil
}

func demandOptions(cfg *config.Config) demand.Options {
	opts := demand.Options{
		Roles:          cfg.Mesos.Roles,
		IdleHold:       cfg.Offers.IdleHold.Duration,
		MaxHold:        cfg.Offers.MaxHold.Duration,
		HeadroomAgents: cfg.Offers.Headroom.Agents,
		IdleRefuse:     cfg.Offers.DeclineRefuse.Duration,
		PendingRefuse:  cfg.Offers.PendingRefuse.Duration,
		ReviveInterval: cfg.Offers.ReviveInterval.Duration,
	}
	if cfg.Wake.Enabled {
		opts.WakeInterval = cfg.Wake.Interval.Duration
	}
	return opts
}

// Run runs the replica; see the package's Run.
func (a *App) Run(ctx context.Context) error {
	// work outlives ctx: when ctx ends the server drains first.
	work, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	defer stop(nil)
	group, work := errgroup.WithContext(work)
	group.Go(func() error {
		defer stop(nil)
		return a.serve(ctx, work)
	})
	group.Go(func() error { return a.pods.Run(work) })
	group.Go(func() error { return a.nodes.Run(work) })
	group.Go(func() error { return a.events.Run(work) })
	group.Go(func() error {
		err := a.lease.Run(work, a.lead)
		if err == nil && work.Err() == nil {
			return errors.New("leadership ended without a reason")
		}
		return err
	})
	if err := group.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// drainPatience is how long binds that have sent nothing to Mesos yet may hold a
// replica up that is asked to end. Those that have finish in their own time.
const drainPatience = 250 * time.Millisecond

// serve answers kube-scheduler until ctx or work ends, then lets the requests
// and binds in flight finish.
func (a *App) serve(ctx, work context.Context) error {
	serving, stop := context.WithCancel(work)
	defer stop()
	defer context.AfterFunc(ctx, func() {
		a.log.Info("shutting down, binds in flight finish first")
		a.state.draining.Store(true)
		stop()
		if a.pauseFor(work, drainPatience) == nil {
			a.reservations.Hasten()
		}
	})()
	if err := a.listen(serving); err != nil {
		return fmt.Errorf("serve: %w", err)
	}
	a.binder.Drain()
	return nil
}

func (a *App) listen(ctx context.Context) error {
	if a.options.Listener != nil {
		return a.server.Serve(ctx, a.options.Listener)
	}
	return a.server.Run(ctx)
}

// Handler answers kube-scheduler's calls, health checks and scrapes.
func (a *App) Handler() http.Handler { return a.server.Handler() }
