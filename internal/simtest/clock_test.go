package simtest

import (
	"sync/atomic"
	"time"

	"k8s.io/utils/clock"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/simtest/luck"
)

// unevenClock makes every timer of a process a few nanoseconds longer than the
// one before. Which of two timers that end at the same instant comes first is
// drawn by the Go runtime; so no two end at the same instant.
type unevenClock struct {
	clock.RealClock
	luck *luck.Source
	made atomic.Int64
}

// Now is asked for in most of what the daemon does.
func (c *unevenClock) Now() time.Time {
	c.luck.Renew()
	return c.RealClock.Now()
}

func (c *unevenClock) stretch(d time.Duration) time.Duration {
	c.luck.Renew()
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
