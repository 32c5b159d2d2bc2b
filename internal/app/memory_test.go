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
		if got := new(looks).excessive(test.live, test.free, 0); got != test.want {
			t.Errorf("%d live, %d free: got %v", test.live, test.free, got)
		}
	}
}

func TestGarbageOfABurstIsGivenBackOnce(t *testing.T) {
	var l looks
	allocated := uint64(0)
	for i, step := range []struct {
		more uint64 // MiB since the look before
		want bool
	}{{1, false}, {100, false}, {70, false}, {30, false}, {5, true}, {1, false}, {40, false}, {1, false}, {64, false}, {15, true}, {0, false}} {
		allocated += step.more << 20
		if got := l.excessive(300<<20, 0, allocated); got != step.want {
			t.Errorf("look %d, %d MiB later: got %v", i, step.more, got)
		}
	}
}

func TestReturnMemoryEnds(t *testing.T) {
	stop := ReturnMemory(t.Context())
	stop()
}
