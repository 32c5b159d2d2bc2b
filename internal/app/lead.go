package app

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/logkeys"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/mesos"
)

// state is what readiness is made of, apart from what the parts know.
type state struct {
	draining   atomic.Bool // the process is about to end
	subscribed atomic.Bool // to a Mesos master
	saved      atomic.Bool // the framework ID is on the Lease
}

// lead is the leader's work: only the holder of the Lease subscribes.
func (a *App) lead(ctx context.Context) error {
	a.log.Info("leading")
	if err := a.pods.Synced(ctx); err != nil {
		return err
	}
	if err := a.nodes.Synced(ctx); err != nil {
		return err
	}
	frameworkID, err := a.storedFrameworkID(ctx)
	if err != nil {
		return err
	}
	ids := make(chan string, 1)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return a.keepFrameworkID(ctx, frameworkID, ids) })
	group.Go(func() error { return a.reservations.Run(ctx) })
	group.Go(func() error { return a.demand.Run(ctx) })
	group.Go(func() error { return a.sampling.Run(ctx) })
	group.Go(func() error { return a.answerInverse(ctx) })
	group.Go(func() error { return a.subscribe(ctx, frameworkID, mesosEvents{App: a, ids: ids}) })
	return group.Wait()
}

// retryPause is the time between attempts to read or write the framework ID.
const retryPause = time.Second

// storedFrameworkID reads the framework ID. Guessing that there is none would
// make a second framework, so it is tried until it works.
func (a *App) storedFrameworkID(ctx context.Context) (string, error) {
	for {
		id, err := a.lease.FrameworkID(ctx)
		if err == nil {
			return id, nil
		}
		a.log.Warn("framework ID not read, trying again", zap.Error(err))
		if err := a.pause(ctx); err != nil {
			return "", err
		}
	}
}

// subscribe holds the subscription. A framework that the master has removed is
// replaced by a new one, which adopts the reservations of the old by label.
func (a *App) subscribe(ctx context.Context, frameworkID string, events mesosEvents) error {
	for {
		err := a.master.Run(ctx, frameworkID, events)
		if !errors.Is(err, mesos.ErrRemoved) {
			if err == nil {
				err = ctx.Err()
			}
			return err
		}
		a.log.Warn("Mesos has removed the framework, registering a new one", zap.String(logkeys.FrameworkID, frameworkID))
		frameworkID = ""
	}
}

// keepFrameworkID writes each new framework ID to the Lease.
func (a *App) keepFrameworkID(ctx context.Context, stored string, ids <-chan string) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case id := <-ids:
			for id != stored {
				if err := a.lease.SaveFrameworkID(ctx, id); err != nil {
					a.log.Warn("framework ID not saved, trying again", zap.String(logkeys.FrameworkID, id), zap.Error(err))
					if err := a.pause(ctx); err != nil {
						return err
					}
					continue
				}
				stored = id
			}
			a.state.saved.Store(true)
		}
	}
}

func (a *App) pause(ctx context.Context) error { return a.pauseFor(ctx, retryPause) }

func (a *App) pauseFor(ctx context.Context, d time.Duration) error {
	timer := a.clock.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C():
		return nil
	}
}

// Ready returns nil if this replica can answer, or why it cannot.
func (a *App) Ready() error {
	switch {
	case a.state.draining.Load():
		return errors.New("shutting down")
	case !a.lease.IsLeader():
		return errors.New("standby: this replica does not hold the Lease")
	case !a.pods.HasSynced() || !a.nodes.HasSynced():
		return errors.New("informers have not synced")
	case !a.state.subscribed.Load():
		return errors.New("not subscribed to a Mesos master")
	case !a.state.saved.Load():
		return errors.New("the framework ID is not on the Lease yet")
	case !a.reservations.Recovered():
		return errors.New("reservations are not recovered: the master's agent list has not been read")
	}
	return nil
}
