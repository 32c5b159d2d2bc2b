package app

import "testing"

func TestExcessive(t *testing.T) {
	const mib = 1 << 20
	for name, test := range map[string]struct {
		live, free, garbage, allocated uint64 // MiB
		want                           bool
	}{
		"little is free":                     {10, 60, 0, 100, false},
		"much is free":                       {10, 70, 0, 100, true},
		"much is live":                       {400, 90, 0, 100, false},
		"more than a quarter":                {400, 110, 0, 100, true},
		"garbage while much happens":         {300, 50, 60, 100, false},
		"garbage while nothing happens":      {300, 50, 60, 1, true},
		"some garbage while nothing happens": {300, 20, 40, 1, false},
	} {
		before := heap{allocated: 1000 * mib}
		now := heap{test.live * mib, test.free * mib, (test.live + test.garbage) * mib, (1000 + test.allocated) * mib}
		if got := now.excessive(before); got != test.want {
			t.Errorf("%s: got %v", name, got)
		}
	}
	if (heap{live: 300 << 20, objects: 100 << 20}).excessive(heap{}) {
		t.Error("less is in use than was found live: excessive")
	}
}

func TestReturnMemoryEnds(t *testing.T) {
	stop := ReturnMemory(t.Context())
	stop()
}
