package app

import "testing"

func TestGCPercent(t *testing.T) {
	for _, test := range []struct {
		live uint64
		want int
	}{
		{0, mostPercent}, {4 << 20, mostPercent}, {32 << 20, 200}, {64 << 20, 100}, {128 << 20, 50},
		{256 << 20, 25}, {4 << 30, leastPercent},
	} {
		if got := gcPercent(test.live); got != test.want {
			t.Errorf("%d bytes: got %d, want %d", test.live, got, test.want)
		}
	}
}
