package app

import (
	"context"
	"os"
	"runtime/debug"
	runtimemetrics "runtime/metrics"
	"sync"
	"time"
)

const (
	// headroom is what the heap may grow by between two collections, in bytes,
	// until it is so large that a share of it is more.
	headroom = 64 << 20
	// leastPercent is that share. Go's default of 100 % would double the memory of
	// a daemon that holds 100,000 offers, of which little ever turns to garbage;
	// a small one would collect for every few filter calls.
	leastPercent, mostPercent = 25, 400
	// memoryPeriod is the time between two looks.
	memoryPeriod = 5 * time.Second
)

// What runtime/metrics calls the bytes that the last collection found in use, and
// those that are free and still taken from the system.
const (
	heapLive = "/gc/heap/live:bytes"
	heapFree = "/memory/classes/heap/free:bytes"
)

// TendMemory keeps the garbage collector in proportion to what the daemon holds
// until stop is called. It is about the whole process. Whoever sets GOGC or
// GOMEMLIMIT knows better.
func TendMemory(ctx context.Context) (stop func()) {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	var tending sync.WaitGroup
	tending.Go(func() { tendMemory(ctx) })
	return func() { cancel(); tending.Wait() }
}

func tendMemory(ctx context.Context) {
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
		live, free := samples[0].Value.Uint64(), samples[1].Value.Uint64()
		debug.SetGCPercent(gcPercent(live))
		if free > headroom+live*leastPercent/100 {
			debug.FreeOSMemory() // what a start or a list of agents took
		}
	}
}

// gcPercent is how much a heap may grow that has so many bytes in use.
func gcPercent(live uint64) int {
	return int(min(max(headroom*100/max(live, 1), leastPercent), mostPercent))
}
