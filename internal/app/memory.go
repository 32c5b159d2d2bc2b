package app

import (
	"context"
	"runtime/debug"
	runtimemetrics "runtime/metrics"
	"sync"
	"time"
)

const (
	// spare is how much free memory is kept from the system, in bytes, or a
	// quarter of what is in use if that is more.
	spare = 64 << 20
	// memoryPeriod is the time between two looks.
	memoryPeriod = 5 * time.Second
	// burst is so much allocated between two looks, in bytes, that its garbage is
	// worth a collection of its own, and leisure so little that the collector might
	// find no cause for one for minutes.
	burst   = 64 << 20
	leisure = 16 << 20
)

// What runtime/metrics calls the bytes that the last collection found in use,
// those that are free and still taken from the system, and all that were ever
// allocated.
const (
	heapLive   = "/gc/heap/live:bytes"
	heapFree   = "/memory/classes/heap/free:bytes"
	heapAllocs = "/gc/heap/allocs:bytes"
)

// ReturnMemory gives memory back to the system, until stop is called, that was
// needed for a moment: at the start, and to read the master's list of agents. The
// runtime itself takes minutes for that. It is about the whole process.
func ReturnMemory(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var returning sync.WaitGroup
	returning.Go(func() { returnMemory(ctx) })
	return func() { cancel(); returning.Wait() }
}

func returnMemory(ctx context.Context) {
	samples := []runtimemetrics.Sample{{Name: heapLive}, {Name: heapFree}, {Name: heapAllocs}}
	var l looks
	ticker := time.NewTicker(memoryPeriod)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		runtimemetrics.Read(samples)
		if l.excessive(samples[0].Value.Uint64(), samples[1].Value.Uint64(), samples[2].Value.Uint64()) {
			debug.FreeOSMemory()
		}
	}
}

// looks remembers what earlier looks have seen.
type looks struct {
	allocated uint64 // at the latest
	littered  bool   // since the last burst nothing was given back
}

// excessive reports whether memory should be given back: so many free bytes are
// too many beside those live, or a burst is over.
func (l *looks) excessive(live, free, allocated uint64) bool {
	recently := allocated - l.allocated
	l.allocated = allocated
	over := l.littered && recently < leisure
	l.littered = recently >= burst || l.littered && !over
	return over || free > max(spare, live/4)
}
