package simtest

import (
	"sync/atomic"
	"time"

	"k8s.io/utils/clock"
)

// unevenClock makes every timer of a process a few nanoseconds longer than the
// one before. Which of two timers that end at the same instant comes first is
// drawn by the Go runtime, from a source that has no seed; so no two end at the
// same instant.
type unevenClock struct {
	clock.RealClock
	made atomic.Int64
}

func (c *unevenClock) stretch(d time.Duration) time.Duration {
	return d + time.Duration(c.made.Add(1)*17)
}

func (c *unevenClock) After(d time.Duration) <-chan time.Time {
	return c.RealClock.After(c.stretch(d))
}

func (c *unevenClock) NewTimer(d time.Duration) clock.Timer {
	return c.RealClock.NewTimer(c.stretch(d))
}

func (c *unevenClock) Sleep(d time.Duration) { c.RealClock.Sleep(c.stretch(d)) }

func (c *unevenClock) Tick(d time.Duration) <-chan time.Time {
	return c.RealClock.Tick(c.stretch(d))
}

func (c *unevenClock) NewTicker(d time.Duration) clock.Ticker {
	return c.RealClock.NewTicker(c.stretch(d))
}
