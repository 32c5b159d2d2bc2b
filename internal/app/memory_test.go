package app

import "testing"

func TestExcessive(t *testing.T) {
	for _, test := range []struct {
		live, free uint64
		want       bool
	}{
		{10 << 20, 60 << 20, false}, {10 << 20, 70 << 20, true},
		{400 << 20, 90 << 20, false}, {400 << 20, 110 << 20, true},
	} {
		if got := excessive(test.live, test.free); got != test.want {
			t.Errorf("%d live, %d free: got %v", test.live, test.free, got)
		}
	}
}

func TestReturnMemoryEnds(t *testing.T) {
	stop := ReturnMemory(t.Context())
	stop()
}
