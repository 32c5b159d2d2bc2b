package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// headroom is how much may be allocated, at least, between two collections. By
// default that is as much as is live: with few agents so little that the daemon
// would collect several times a second while pods are bound.
const headroom = 64 << 20

// least is the heap up to which Go collects nothing at defaultPercent; it grows
// with the percentage.
const least = 4 << 20

// defaultPercent is Go's own: as much again as is live.
const defaultPercent = 100

// largePercent is what is enough where much is live: of 100,000 offers little ever
// turns to garbage, and as much again as is live would be wasted.
const largePercent = 25

// tuneCollector keeps garbage from being collected before headroom is used up,
// and from growing much beyond it where more is live than that. GOGC or GOMEMLIMIT in the environment is the
// operator's word and leaves it alone.
func tuneCollector() {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	collector{percent: defaultPercent}.collected()
}

// collector is set anew after each collection, by what that has found live.
type collector struct{ percent int }

// collected runs once after start, and then after each collection.
func (c collector) collected() {
	if next := percent(live()); next != c.percent {
		debug.SetGCPercent(next)
		c.percent = next
	}
	// Garbage already: it is cleaned up by the next collection.
	runtime.AddCleanup(new(*int), collector.collected, c)
}

// percent is the growth of the heap over what is live that leaves headroom.
func percent(live uint64) int {
	return int(max(largePercent, 100*headroom/max(live, least)))
}

// live returns the bytes that the latest collection has found in use, zero
// before the first one.
func live() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
