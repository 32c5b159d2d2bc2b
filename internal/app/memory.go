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
)

// What runtime/metrics calls the bytes that the last collection found in use, and
// those that are free and still taken from the system.
const (
	heapLive = "/gc/heap/live:bytes"
	heapFree = "/memory/classes/heap/free:bytes"
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
	samples := []runtimemetrics.Sample{{Name: heapLive}, {Name: heapFree}}
	ticker := time.NewTicker(memoryPeriod)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		runtimemetrics.Read(samples)
		if excessive(samples[0].Value.Uint64(), samples[1].Value.Uint64()) {
			debug.FreeOSMemory()
		}
	}
}

// excessive reports whether so many free bytes are too many beside those live.
func excessive(live, free uint64) bool { return free > max(spare, live/4) }
