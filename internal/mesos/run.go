package mesos

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"go.uber.org/zap"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/logkeys"
)

// Run subscribes and stays subscribed until ctx ends, which is no error, or
// until the master says something that a retry would not mend: ErrFailedOver,
// ErrRemoved or ErrRefused. frameworkID is the stored one, empty to get a new
// one, which h.Subscribed then tells. Only one Run may be going at a time.
func (c *Client) Run(ctx context.Context, frameworkID string, h Handler) error {
	attempts := 0
	for ctx.Err() == nil {
		started := c.clk.Now()
		id, err := c.subscription(ctx, frameworkID, h)
		if id != "" {
			frameworkID = id
		}
		if final(err) {
			return err
		}
		// A subscription that lasted was a success; one that breaks at once
		// must not be retried without a growing pause.
		if id != "" && c.clk.Since(started) > c.cfg.BackoffMax {
			attempts = 0
		}
		if id == "" && ctx.Err() == nil {
			c.log.Warn("cannot subscribe to Mesos", zap.Error(err))
		}
		if attempts++; attempts%len(c.cfg.Masters) == 0 {
			c.pause(ctx, attempts/len(c.cfg.Masters))
		}
	}
	return nil
}

// pause waits a random part of a limit that doubles with every round through
// the masters (full jitter), so that frameworks do not come back in step.
func (c *Client) pause(ctx context.Context, round int) {
	limit := c.cfg.BackoffMax
	if shift := round - 1; shift < 32 && c.cfg.BackoffMin<<shift>>shift == c.cfg.BackoffMin {
		limit = min(limit, c.cfg.BackoffMin<<shift)
	}
	timer := c.clk.NewTimer(c.cfg.Jitter(limit))
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C():
	}
}

func jitter(limit time.Duration) time.Duration {
	return rand.N(limit) + 1 //nolint:gosec // spreads load, guards no secret
}

// subscription holds one subscription from SUBSCRIBE to its end, and returns
// why it ended. id is the framework ID, empty if it never came to SUBSCRIBED.
func (c *Client) subscription(ctx context.Context, frameworkID string, h Handler) (id string, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stream, err := c.open(ctx, frameworkID)
	if err != nil {
		return "", err
	}
	defer discardStream(stream.body)
	dog := newWatchdog(c.clk, c.cfg.MissedHeartbeats)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		dog.watch(ctx, cancel)
	}()
	d := &dispatcher{client: c, handler: h, stream: stream, cancel: cancel, dog: dog, decoder: newOfferDecoder()}
	err = d.follow()
	// What the master said is final; otherwise a broken read is only the
	// consequence of why the stream was cancelled.
	if cause := context.Cause(ctx); cause != nil && !final(err) {
		err = cause
	}
	cancel(err)
	<-watched
	c.masters.ended(stream.base, err)
	if d.session == nil {
		return "", err
	}
	c.disconnected(d.session, h, err)
	return d.session.frameworkID, err
}

func (c *Client) disconnected(s *session, h Handler, cause error) {
	c.leave(s)
	c.metrics.subscribed.Set(0)
	if errors.Is(cause, errWatchdog) {
		c.metrics.watchdog.Inc()
	}
	c.log.Info("unsubscribed from Mesos", zap.String(logkeys.Master, s.base),
		zap.Uint64(logkeys.Generation, s.generation), zap.Error(cause))
	h.Disconnected(s.generation, cause)
}
