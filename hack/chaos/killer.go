package main

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/kube-mesos-extender/kube-mesos-extender/hack/harness"
)

const (
	replicas = 2
	// restartPause is how long a process that ended by itself waits for its
	// restart, as under a kubelet.
	restartPause = time.Second
	// restartTimeout bounds the start of anything on a busy machine.
	restartTimeout = 90 * time.Second
)

// killer kills processes and starts them again.
type killer struct {
	*harness.Harness
	began time.Time
	tell  func(format string, args ...any)

	daemons [replicas]sync.Mutex // held while a replica is down

	mu    sync.Mutex // guards all below
	kills map[string]int
	ends  map[string]int // processes that ended by themselves, by name
}

// kill carries out the plan: each target on its own, so that outages overlap.
// The error says that something could not be started again.
func (k *killer) kill(ctx context.Context, outages [targets][]outage) error {
	group, ctx := errgroup.WithContext(ctx)
	for t, list := range outages {
		group.Go(func() error {
			for i, o := range list {
				if !sleep(ctx, time.Until(k.began.Add(o.at))) {
					return ctx.Err()
				}
				if err := k.outage(ctx, target(t), i, o); err != nil {
					return fmt.Errorf("outage of %s %s: %w", target(t), o, err)
				}
			}
			return nil
		})
	}
	return group.Wait()
}

// outage is one kill and the restart; number counts the target's.
func (k *killer) outage(ctx context.Context, t target, number int, o outage) error {
	switch t {
	case daemon:
		return k.killDaemon(ctx, number%replicas, o)
	case master:
		k.note(t.String(), o)
		if err := k.KillMaster(); err != nil {
			return err
		}
		sleep(ctx, o.down)
		return k.StartMaster(ctx)
	default:
		k.note(t.String(), o)
		k.ControlPlane().KillAPIServer()
		sleep(ctx, o.down)
		return k.ControlPlane().StartAPIServer(ctx)
	}
}

func (k *killer) killDaemon(ctx context.Context, i int, o outage) error {
	k.daemons[i].Lock()
	defer k.daemons[i].Unlock()
	select {
	case <-k.DaemonDone(i): // it ended just now by itself
		if err := k.StartDaemon(i); err != nil {
			return err
		}
	default:
	}
	k.note(replicaName(i), o)
	k.KillDaemon(i)
	sleep(ctx, o.down)
	return k.StartDaemon(i)
}

func replicaName(i int) string { return fmt.Sprintf("%s-%d", daemon, i) }

func (k *killer) note(name string, o outage) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.kills[name]++
	k.tell("%7.1fs  kill -9 %s, down for %s", time.Since(k.began).Seconds(), name, o.down.Round(time.Millisecond))
}

// counts are the kills so far, and the processes that ended by themselves.
func (k *killer) counts() (kills, ends map[string]int, sum int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, count := range k.kills {
		sum += count
	}
	return maps.Clone(k.kills), maps.Clone(k.ends), sum
}

// keep starts again what ends by itself, as a kubelet would, until ctx ends. The
// daemon does when it loses its Lease, and so does kube-scheduler.
func (k *killer) keep(ctx context.Context) {
	var keepers sync.WaitGroup
	for i := range replicas {
		keepers.Go(func() { k.keepDaemon(ctx, i) })
	}
	keepers.Go(func() { k.keepScheduler(ctx) })
	keepers.Wait()
}

func (k *killer) keepDaemon(ctx context.Context, i int) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-k.DaemonDone(i):
		}
		k.revive(ctx, i)
	}
}

// revive starts a replica unless it was killed and its killer has done so.
func (k *killer) revive(ctx context.Context, i int) {
	k.daemons[i].Lock()
	defer k.daemons[i].Unlock()
	select {
	case <-k.DaemonDone(i):
	default:
		return
	}
	k.ended(replicaName(i))
	if !sleep(ctx, restartPause) {
		return
	}
	if err := k.StartDaemon(i); err != nil {
		k.tell("%s was not started: %v", replicaName(i), err) // the verdict will miss it
	}
}

func (k *killer) keepScheduler(ctx context.Context) {
	const name = "kube-scheduler"
	for {
		select {
		case <-ctx.Done():
			return
		case <-k.SchedulerDone():
		}
		k.ended(name)
		for ctx.Err() == nil {
			starting, cancel := context.WithTimeout(ctx, restartTimeout)
			err := k.RestartScheduler(starting)
			cancel()
			if err == nil {
				break
			}
			sleep(ctx, restartPause) // the API server may be down
		}
	}
}

func (k *killer) ended(name string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.ends[name]++
	k.tell("%7.1fs  %s ended by itself", time.Since(k.began).Seconds(), name)
}

// sleep reports whether the time passed before ctx ended.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
