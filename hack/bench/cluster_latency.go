package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/kube-mesos-extender/kube-mesos-extender/hack/harness"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/config"
)

const (
	wakeSamples = 30
	// unwokenSamples are few, as each is cut off after unwokenFor: kube-scheduler
	// itself tries a refused pod again after five minutes.
	unwokenSamples = 2
	unwokenFor     = 20 * time.Second
	// settledFor is how long a pod has been refused when the offer arrives: past
	// its free second attempt.
	settledFor  = 1500 * time.Millisecond
	idleSamples = 20
	// bookPoll is how exactly the arrival of an offer is known.
	bookPoll = 2 * time.Millisecond
)

// wake measures how soon a pending pod follows an offer.
func wake(ctx context.Context, e *environment) (result, error) {
	ours, err := wakes(ctx, e, true, wakeSamples)
	if err != nil {
		return result{}, err
	}
	unwoken, err := wakes(ctx, e, false, unwokenSamples)
	if err != nil {
		return result{}, fmt.Errorf("without waking: %w", err)
	}
	r := compare(median(ours), median(unwoken))
	r.details.add(p99, percentile(ours, 0.99))
	r.details.add("samples", float64(len(ours)))
	r.details.add("reference cut off at", float64(unwokenFor.Milliseconds()))
	return r, nil
}

// wakes returns the time of each sample in milliseconds.
func wakes(ctx context.Context, e *environment, enabled bool, samples int) ([]float64, error) {
	h, err := startCluster(ctx, e, "wake", 1, func(c *config.Config) {
		c.Wake.Enabled = enabled
		c.Release.Linger.Duration = 0 // only for the next sample to begin sooner
	})
	if err != nil {
		return nil, err
	}
	defer h.Stop()
	if err := h.RunScheduler(ctx, func(map[string]any) {}); err != nil {
		return nil, err
	}
	bindings, err := harness.WatchBindings(ctx, h.Client)
	if err != nil {
		return nil, err
	}
	defer bindings.Stop()
	var times []float64
	for i := range samples {
		took, err := oneWake(ctx, h, bindings, fmt.Sprint("wake-", i), enabled)
		if err != nil {
			return nil, fmt.Errorf("sample %d: %w", i+1, err)
		}
		times = append(times, took)
	}
	return times, nil
}

// oneWake lets the agent's resources go to a pod that has been refused for want
// of them.
func oneWake(ctx context.Context, h *harness.Harness, bindings *harness.BindingTimes, name string, enabled bool) (float64, error) {
	if err := reserveAgents(ctx, h, true, 0); err != nil {
		return 0, err
	}
	if err := h.CreatePods(ctx, harness.Pod(name, "6", "1Gi")); err != nil {
		return 0, err
	}
	if err := harness.Await(ctx, patience, "the pod refused", func(ctx context.Context) error {
		_, err := h.RefusalEvent(ctx, name)
		return err
	}); err != nil {
		return 0, err
	}
	time.Sleep(settledFor)
	if err := reserveAgents(ctx, h, false, 0); err != nil {
		return 0, err
	}
	arrived, err := awaitOffer(ctx, h)
	if err != nil {
		return 0, err
	}
	bound, err := awaitBinding(ctx, bindings, name, unwokenFor)
	if errors.Is(err, context.DeadlineExceeded) && !enabled {
		bound, err = arrived.Add(unwokenFor), nil
	}
	if err != nil {
		return 0, err
	}
	if err := deleteAll(ctx, h); err != nil {
		return 0, err
	}
	return milliseconds(bound.Sub(arrived)), awaitNothingReserved(ctx, h)
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// awaitOffer returns when the daemon's framework, the only one, is offered CPUs.
func awaitOffer(ctx context.Context, h *harness.Harness) (time.Time, error) {
	err := harness.AwaitEvery(ctx, bookPoll, patience, "an offer", func(ctx context.Context) error {
		books, err := h.Books(ctx)
		if err != nil {
			return err
		}
		for _, agent := range books.Agents {
			// The reservation that came of an offer is as good a sign.
			if agent.Offered["cpus"] > 0 || heldFor(agent) {
				return nil
			}
		}
		return errors.New("no CPUs are offered")
	})
	return time.Now(), err
}

// awaitBinding returns when a pod was seen bound.
func awaitBinding(ctx context.Context, bindings *harness.BindingTimes, name string, timeout time.Duration) (at time.Time, err error) {
	err = harness.AwaitEvery(ctx, bookPoll, timeout, "pod "+name+" bound", func(context.Context) error {
		var ok bool
		if at, ok = bindings.At(name); !ok {
			return errors.New("it is not")
		}
		return nil
	})
	if err != nil && ctx.Err() == nil {
		err = context.DeadlineExceeded
	}
	return at, err
}

// idleToBound compares the first pod of an idle cluster with one that finds
// offers held.
func idleToBound(ctx context.Context, e *environment) (result, error) {
	h, err := startCluster(ctx, e, "idle", 10, func(c *config.Config) { c.Offers.Headroom.Agents = 0 })
	if err != nil {
		return result{}, err
	}
	defer h.Stop()
	if err := h.RunScheduler(ctx, func(map[string]any) {}); err != nil {
		return result{}, err
	}
	bindings, err := harness.WatchBindings(ctx, h.Client)
	if err != nil {
		return result{}, err
	}
	defer bindings.Stop()
	var idle, held []float64
	for i := range idleSamples {
		if err := awaitIdle(ctx, h); err != nil {
			return result{}, err
		}
		for kind, times := range []*[]float64{&idle, &held} {
			took, err := createdToBound(ctx, h, bindings, harness.Pod(fmt.Sprintf("p-%d-%d", i, kind), "500m", "128Mi"))
			if err != nil {
				return result{}, err
			}
			*times = append(*times, took)
		}
		if err := deleteAll(ctx, h); err != nil {
			return result{}, err
		}
		if err := awaitNothingReserved(ctx, h); err != nil {
			return result{}, err
		}
	}
	r := compare(median(idle), median(held))
	r.details.add("p90", percentile(idle, 0.9))
	r.details.add("reference p90", percentile(held, 0.9))
	r.details.add("samples", idleSamples)
	return r, nil
}

// awaitIdle waits until the daemon holds no offers.
func awaitIdle(ctx context.Context, h *harness.Harness) error {
	return harness.Await(ctx, patience, "all offers given back", func(ctx context.Context) error {
		books, err := h.Books(ctx)
		if err != nil {
			return err
		}
		for _, framework := range books.Frameworks {
			if framework.Offers > 0 {
				return fmt.Errorf("%d are held", framework.Offers)
			}
		}
		return nil
	})
}

// createdToBound returns the milliseconds from the creation of a pod, when it
// is sent off, until it is seen bound.
func createdToBound(ctx context.Context, h *harness.Harness, bindings *harness.BindingTimes, pod *corev1.Pod) (float64, error) {
	began := time.Now()
	if err := h.CreatePods(ctx, pod); err != nil {
		return 0, err
	}
	bound, err := awaitBinding(ctx, bindings, pod.Name, patience)
	return milliseconds(bound.Sub(began)), err
}
