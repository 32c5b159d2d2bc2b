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
	// leisure is as much as is allocated, at most, between two looks when little
	// happens. The garbage that there is then may lie about for minutes.
	leisure = 16 << 20
)

// What runtime/metrics calls the bytes that the last collection found in use,
// those that are free and still taken from the system, those in use or not yet
// found to be garbage, and all that were ever allocated.
const (
	heapLive    = "/gc/heap/live:bytes"
	heapFree    = "/memory/classes/heap/free:bytes"
	heapObjects = "/memory/classes/heap/objects:bytes"
	heapAllocs  = "/gc/heap/allocs:bytes"
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
	samples := []runtimemetrics.Sample{{Name: heapLive}, {Name: heapFree}, {Name: heapObjects}, {Name: heapAllocs}}
	var latest heap
	ticker := time.NewTicker(memoryPeriod)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		runtimemetrics.Read(samples)
		now := heap{samples[0].Value.Uint64(), samples[1].Value.Uint64(), samples[2].Value.Uint64(), samples[3].Value.Uint64()}
		if now.excessive(latest) {
			debug.FreeOSMemory()
		}
		latest = now
	}
}

// heap is the memory at one look, in bytes.
type heap struct{ live, free, objects, allocated uint64 }

// excessive reports whether much more than what is live is taken from the system.
// While much is allocated garbage is the collector's business.
func (h heap) excessive(before heap) bool {
	unused := h.free
	if h.allocated-before.allocated < leisure {
		unused += h.objects - min(h.live, h.objects)
	}
	return unused > max(spare, h.live/4)
}
