package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/kube-mesos-extender/kube-mesos-extender/hack/harness"
	"github.com/kube-mesos-extender/kube-mesos-extender/hack/harness/neighbour"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/config"
)

// options describe a system of two replicas with the shipped times of the Lease.
func options(out io.Writer) harness.Options {
	return harness.Options{
		Name: "chaos", Progress: out, Replicas: replicas,
		Agents: 8, AgentResources: "cpus:8;mem:16384;disk:50000", AgentReconnect: 500 * time.Millisecond,
		Configure: func(cfg *config.Config) { // so that a run need not sit out what protects from haste
			cfg.Offers.IdleHold.Duration = time.Second
			cfg.Release.OrphanGrace.Duration = 3 * time.Second
			cfg.Release.UnboundGrace.Duration = 10 * time.Second
			cfg.Release.OperatorAfter.Duration = 5 * time.Second
			cfg.Release.SweepInterval.Duration = 5 * time.Second
		},
	}
}

// chaosRun is everything that takes part in it.
type chaosRun struct {
	settings
	out     io.Writer
	killer  *killer
	load    *load
	census  *census
	witness *harness.Witness
	court   *court
}

// unleash runs everything; the error names what was violated.
func unleash(ctx context.Context, s settings, out io.Writer) error {
	fmt.Fprintf(out, "seed %d: %d kills within %s; repeat with -seed %d\n", s.seed, s.kills, s.duration, s.seed)
	h, err := harness.Start(ctx, options(out))
	if err != nil {
		return err
	}
	defer h.Stop()
	r, err := newRun(ctx, h, s, out)
	if err != nil {
		return err
	}
	defer r.witness.Stop()
	n, err := neighbour.Start(ctx, neighbour.Options{
		Master: h.MasterURL(), Name: "churner", Role: "spark",
		Policy: neighbour.Churn(300*time.Millisecond, 2*time.Second),
	})
	if err != nil {
		return err
	}
	defer n.Stop()
	if err := r.play(ctx); err != nil {
		return fmt.Errorf("%w\nlogs are in %s", err, h.Dir())
	}
	return nil
}

func newRun(ctx context.Context, h *harness.Harness, s settings, out io.Writer) (*chaosRun, error) {
	r := &chaosRun{settings: s, out: out}
	var printing sync.Mutex
	r.killer = &killer{Harness: h, kills: map[string]int{}, ends: map[string]int{}, tell: func(format string, args ...any) {
		printing.Lock()
		defer printing.Unlock()
		fmt.Fprintf(out, format+"\n", args...)
	}}
	r.load = &load{Harness: h, random: randomOf(s.seed, "load")}
	disks, err := h.Disks()
	if err != nil {
		return nil, err
	}
	r.court = &court{h, disks}
	r.census = newCensus(h.Client)
	r.witness, err = h.WatchAdmissions(ctx)
	return r, err
}

// play kills under load, lets the system settle, and prints and judges.
func (r *chaosRun) play(ctx context.Context) error {
	keeping, stopKeeping := context.WithCancel(ctx)
	defer stopKeeping()
	var background sync.WaitGroup
	defer background.Wait()
	defer stopKeeping()
	background.Go(func() { r.killer.keep(keeping) })
	background.Go(func() { r.follow(keeping) })
	background.Go(func() { r.census.take(keeping) })

	if err := r.faults(ctx); err != nil {
		return err
	}
	v, took, settled := r.court.settle(ctx, r.settle)
	r.print(v, took)
	if settled == nil {
		settled = r.court.empty(ctx, r.settle)
	}
	return errors.Join(settled, r.forbidden(), r.enough())
}

// faults kills under load until the plan has been carried out.
func (r *chaosRun) faults(ctx context.Context) error {
	loading, stopLoad := context.WithCancel(ctx)
	defer stopLoad()
	var loaded sync.WaitGroup
	defer loaded.Wait()
	defer stopLoad()
	loaded.Go(func() { r.load.run(loading) })
	r.killer.began = time.Now()
	return r.killer.kill(ctx, plan(randomOf(r.seed, "plan"), r.kills, r.duration))
}

// follow reads the disks often enough to count what comes and goes.
func (r *chaosRun) follow(ctx context.Context) {
	for sleep(ctx, 50*time.Millisecond) {
		if _, err := r.court.disks.Promises(); err != nil {
			r.killer.tell("disks: %v", err)
		}
	}
}
