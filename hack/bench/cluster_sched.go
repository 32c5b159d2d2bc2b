package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/kube-mesos-extender/kube-mesos-extender/hack/harness"
	"github.com/kube-mesos-extender/kube-mesos-extender/hack/lab"
)

const (
	schedPods = 2000
	// schedPairs: on a machine that shares its cores with others one pair is a
	// tenth off the next, so that the median of three would be luck.
	schedPairs = 7
	bareRounds = 3
	// stockName is the profile of the scheduler without an extender.
	stockName = "default-scheduler"
)

// round is one batch of pods bound by one scheduler.
type round struct {
	rate float64            // pods/s, from the first pod created to the last bound
	cpu  map[string]float64 // CPU seconds by process
}

// sched compares the shipped scheduler and extender with the same scheduler
// without an extender, in turn on one control plane. How fast any extender that
// binds could be there is told by a bare one.
func sched(nodes int) func(context.Context, *environment) (result, error) {
	return func(ctx context.Context, e *environment) (result, error) {
		h, err := startCluster(ctx, e, fmt.Sprint("sched-", nodes), nodes, nil)
		if err != nil {
			return result{}, err
		}
		defer h.Stop()
		var pairs []pair
		var least details
		for i := range schedPairs {
			reference, err := schedStock(ctx, h)
			if err != nil {
				return result{}, fmt.Errorf("without an extender: %w", err)
			}
			ours, err := schedOurs(ctx, h)
			if err != nil {
				return result{}, fmt.Errorf("with the extender: %w", err)
			}
			e.logf("pair %d: ours %.1f pods/s %v, reference %.1f pods/s %v", i+1, ours.rate, ours.cpu, reference.rate, reference.cpu)
			pairs = append(pairs, pair{ours.rate, reference.rate})
			if i >= bareRounds {
				continue
			}
			bare, err := schedBare(ctx, h)
			if err != nil {
				return result{}, fmt.Errorf("with a bare extender: %w", err)
			}
			e.logf("bare extender %.1f pods/s %v", bare.rate, bare.cpu)
			least.add(fmt.Sprintf("bare extender %d", i+1), bare.rate)
		}
		r := medianPair(pairs)
		r.details = append(r.details, least...)
		return r, nil
	}
}

// schedStock runs a round of the scheduler with neither extender nor what we
// ship for the extender's sake in its configuration: kube-scheduler's own
// defaults. Its environment, which would help any kube-scheduler, it keeps.
func schedStock(ctx context.Context, h *harness.Harness) (round, error) {
	h.StopDaemon(0)
	err := h.RunScheduler(ctx, func(config map[string]any) {
		delete(config, "extenders")
		config["profiles"] = []any{map[string]any{"schedulerName": stockName}}
	})
	if err != nil {
		return round{}, err
	}
	defer h.StopScheduler()
	return bindBatch(ctx, h, stockName)
}

func schedOurs(ctx context.Context, h *harness.Harness) (round, error) {
	if err := h.StartDaemon(0); err != nil {
		return round{}, err
	}
	if err := h.AwaitReady(ctx); err != nil {
		return round{}, err
	}
	if err := h.RunScheduler(ctx, func(map[string]any) {}); err != nil {
		return round{}, err
	}
	defer h.StopScheduler()
	done, err := bindBatch(ctx, h, harness.SchedulerName)
	if err != nil {
		return round{}, err
	}
	return done, awaitNothingReserved(ctx, h)
}

// schedBare runs a round of the shipped scheduler configuration with an extender
// that does nothing but bind, without Mesos.
func schedBare(ctx context.Context, h *harness.Harness) (round, error) {
	h.StopDaemon(0)
	port, err := lab.FreePort()
	if err != nil {
		return round{}, err
	}
	extender, err := binaries{dir: h.Dir()}.bare(loopback(port), h.Kubeconfig())
	if err != nil {
		return round{}, err
	}
	defer extender.Stop()
	if err := await(ctx, extender, "http://"+loopback(port)+"/readyz", isOK); err != nil {
		return round{}, err
	}
	err = h.RunScheduler(ctx, func(config map[string]any) {
		for _, extender := range config["extenders"].([]any) {
			extender.(map[string]any)["urlPrefix"] = "http://" + loopback(port)
		}
	})
	if err != nil {
		return round{}, err
	}
	defer h.StopScheduler()
	return bindBatch(ctx, h, harness.SchedulerName)
}

// bindBatch creates pods, waits until all are bound and deletes them.
func bindBatch(ctx context.Context, h *harness.Harness, scheduler string) (round, error) {
	bindings, err := harness.WatchBindings(ctx, h.Client)
	if err != nil {
		return round{}, err
	}
	defer bindings.Stop()
	pods := make([]*corev1.Pod, schedPods)
	for i := range pods {
		pods[i] = harness.Pod(fmt.Sprintf("p-%04d", i), "100m", "128Mi")
		pods[i].Spec.SchedulerName = scheduler
	}
	before, err := cpuSeconds()
	if err != nil {
		return round{}, err
	}
	began := time.Now()
	if err := h.CreatePods(ctx, pods...); err != nil {
		return round{}, err
	}
	if err := awaitCount(ctx, bindings, schedPods); err != nil {
		return round{}, err
	}
	took := time.Since(began)
	after, err := cpuSeconds()
	if err != nil {
		return round{}, err
	}
	return round{schedPods / took.Seconds(), since(after, before)}, deleteAll(ctx, h)
}

func deleteAll(ctx context.Context, h *harness.Harness) error {
	if err := h.DeletePods(ctx, ""); err != nil {
		return err
	}
	return harness.AwaitEvery(ctx, time.Second, patience, "all pods deleted", func(ctx context.Context) error {
		if left, err := h.Pods(ctx); err != nil || len(left) > 0 {
			return errors.Join(err, fmt.Errorf("%d are left", len(left)))
		}
		return nil
	})
}

// awaitNothingReserved waits until the daemon has released every reservation.
func awaitNothingReserved(ctx context.Context, h *harness.Harness) error {
	return harness.AwaitEvery(ctx, time.Second, patience, "all reservations released", func(ctx context.Context) error {
		books, err := h.Books(ctx)
		if err != nil {
			return err
		}
		for _, agent := range books.Agents {
			if heldFor(agent) {
				return fmt.Errorf("%s has reservations", agent.Hostname)
			}
		}
		return nil
	})
}
