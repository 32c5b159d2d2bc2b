package main

import (
	"runtime"
	"runtime/debug"
	"testing"
)

func TestPercentLeavesHeadroom(t *testing.T) {
	for live, want := range map[uint64]int{
		0: 1600, 1 << 20: 1600, 8 << 20: 800, 32 << 20: 200, 64 << 20: 100, 128 << 20: 50, 256 << 20: 25, 1 << 40: 25,
	} {
		if got := percent(live); got != want {
			t.Errorf("percent(%d MiB) = %d, want %d", live>>20, got, want)
		}
	}
}

// inForce returns the percentage in force.
func inForce() int {
	percent := debug.SetGCPercent(defaultPercent)
	debug.SetGCPercent(percent)
	return percent
}

func TestCollectorIsSetByWhatIsLive(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(defaultPercent))
	runtime.GC()
	collector{percent: defaultPercent}.collected()
	if got, want := inForce(), percent(live()); got != want || got == defaultPercent {
		t.Errorf("the percentage is %d, want %d", got, want)
	}
}

func TestOperatorsSettingOfTheCollectorStands(t *testing.T) {
	for _, name := range []string{"GOGC", "GOMEMLIMIT"} {
		t.Run(name, func(t *testing.T) {
			defer debug.SetGCPercent(debug.SetGCPercent(123))
			t.Setenv(name, "100")
			tuneCollector()
			if got := inForce(); got != 123 {
				t.Errorf("the percentage is %d, want the 123 that were set", got)
			}
		})
	}
}
