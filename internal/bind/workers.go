package bind

import "context"

// maxIdle bounds the goroutines that are kept for the next binds.
const maxIdle = 64

// start has a bind run. Its context is not the caller's: the work goes on without
// it. The caller holds mu.
func (b *Binder) start(ctx context.Context, t Target, f *flight) {
	b.crew.Go(func() {
		f.err = b.run(ctx, t)
		b.mu.Lock()
		delete(b.flights, t.UID)
		b.mu.Unlock()
		close(f.done)
	})
}

// Drain lets no further bind start and waits until none is in flight.
func (b *Binder) Drain() {
	b.mu.Lock()
	b.draining = true // from now on nothing is begun
	b.mu.Unlock()
	b.crew.Dismiss()
}
