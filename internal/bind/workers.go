package bind

import "context"

// maxIdle bounds the workers that are kept for the next binds. What a bind
// needs of stack is then grown once, not with each.
const maxIdle = 64

// job is one bind for a worker.
type job struct {
	ctx    context.Context // not the caller's: the work goes on without it
	target Target
	flight *flight
}

// start gives a job to an idle worker, or to a new one. The caller holds mu.
func (b *Binder) start(j job) {
	b.running.Add(1)
	select {
	case b.work <- j:
		b.idle--
	default:
		go b.worker(j)
	}
}

// worker does one job after the other until there are enough idle workers, or
// the binder is drained.
func (b *Binder) worker(j job) {
	for open := true; open && b.do(j); {
		j, open = <-b.work
	}
}

// do does a job and reports whether its worker shall wait for another.
func (b *Binder) do(j job) (stay bool) {
	defer b.running.Done()
	j.flight.err = b.run(j.ctx, j.target)
	b.mu.Lock()
	delete(b.flights, j.target.UID)
	if stay = b.idle < maxIdle && !b.draining; stay {
		b.idle++
	}
	b.mu.Unlock()
	close(j.flight.done)
	return stay
}

// Drain lets no further bind start and waits until none is in flight.
func (b *Binder) Drain() {
	b.mu.Lock()
	if !b.draining {
		b.draining = true
		close(b.work) // nothing is sent once draining is set
	}
	b.mu.Unlock()
	b.running.Wait()
}
