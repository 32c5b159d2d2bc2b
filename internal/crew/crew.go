// Package crew keeps goroutines for jobs that come again and again: what a job
// needs of stack is then grown once, not with each.
package crew

import "sync"

// Crew does jobs side by side. It is safe for concurrent use.
type Crew struct {
	jobs    chan func()    // to goroutines that are idle
	idle    chan struct{}  // a token for each of them
	running sync.WaitGroup // jobs
	ended   sync.Once
}

// New returns a crew that keeps no more than so many idle goroutines.
func New(idle int) *Crew {
	return &Crew{jobs: make(chan func()), idle: make(chan struct{}, idle)}
}

// Go does a job on an idle goroutine, or on a new one. It does not wait.
func (c *Crew) Go(job func()) {
	c.running.Add(1)
	select {
	case c.jobs <- job:
	default:
		go c.work(job)
	}
}

// work does one job after the other until there are enough idle goroutines, or
// the crew is dismissed.
func (c *Crew) work(job func()) {
	for open := true; open; {
		job()
		c.running.Done()
		select {
		case c.idle <- struct{}{}:
		default:
			return
		}
		job, open = <-c.jobs
		<-c.idle
	}
}

// Dismiss waits until all jobs are done and ends the goroutines. No job may be
// given to the crew once it is called; it may be called again.
func (c *Crew) Dismiss() {
	c.running.Wait()
	c.ended.Do(func() { close(c.jobs) })
}
