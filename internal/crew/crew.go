// Package crew keeps goroutines for jobs that come again and again: what a job
// needs of stack is then grown once, not with each.
package crew

// Crew does jobs side by side. It is safe for concurrent use.
type Crew struct {
	jobs chan func()   // to goroutines that are idle
	idle chan struct{} // a token for each of them
}

// New returns a crew that keeps no more than so many idle goroutines.
func New(idle int) *Crew {
	return &Crew{jobs: make(chan func()), idle: make(chan struct{}, idle)}
}

// Go does a job on an idle goroutine, or on a new one. It does not wait.
func (c *Crew) Go(job func()) {
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
		select {
		case c.idle <- struct{}{}:
		default:
			return
		}
		job, open = <-c.jobs
		<-c.idle
	}
}

// Dismiss ends the idle goroutines, and each of the others after its job. No job
// may be given to the crew any more.
func (c *Crew) Dismiss() { close(c.jobs) }
