package mesos

import (
	"context"
	"sync/atomic"
	"time"

	"k8s.io/utils/clock"
)

// watchdog ends a subscription on which nothing arrived for as long as several
// heartbeats take. A half-open connection shows in no other way: reading from
// it blocks for ever.
type watchdog struct {
	clk    clock.Clock
	missed int
	limit  atomic.Int64 // nanoseconds
	beats  chan struct{}
}

func newWatchdog(clk clock.Clock, missed int) *watchdog {
	w := &watchdog{clk: clk, missed: missed, beats: make(chan struct{}, 1)}
	w.interval(defaultHeartbeat)
	return w
}

// interval sets the time between heartbeats, as SUBSCRIBED tells it.
func (w *watchdog) interval(heartbeat time.Duration) {
	w.limit.Store(int64(heartbeat) * int64(w.missed))
}

// beat notes that something arrived. It never blocks.
func (w *watchdog) beat() {
	select {
	case w.beats <- struct{}{}:
	default: // one is waiting to be noticed
	}
}

// watch calls cancel with errWatchdog when the beats stop. It returns then, or
// when ctx ends.
func (w *watchdog) watch(ctx context.Context, cancel context.CancelCauseFunc) {
	for {
		timer := w.clk.NewTimer(time.Duration(w.limit.Load()))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-w.beats:
			timer.Stop()
		case <-timer.C():
			cancel(errWatchdog)
			return
		}
	}
}
