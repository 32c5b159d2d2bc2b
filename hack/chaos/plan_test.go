package main

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestPlan(t *testing.T) {
	const kills, duration = 37, 4 * time.Minute
	got := plan(randomOf(7, "plan"), kills, duration)
	sum := 0
	for t2, list := range got {
		sum += len(list)
		if len(list) < 6 {
			t.Errorf("%s is killed %d times only", target(t2), len(list))
		}
		last := time.Duration(-1)
		for _, o := range list {
			if o.at <= last || o.at >= duration || o.down < 0 || o.down >= longest[t2] {
				t.Errorf("%s: outage %s after one at %s", target(t2), o, last)
			}
			last = o.at
		}
	}
	if sum != kills {
		t.Errorf("%d kills are planned, want %d", sum, kills)
	}
	again := plan(randomOf(7, "plan"), kills, duration)
	if diff := cmp.Diff(got, again, cmp.AllowUnexported(outage{})); diff != "" {
		t.Errorf("the same seed plans differently: %s", diff)
	}
	if other := plan(randomOf(8, "plan"), kills, duration); cmp.Equal(got, other, cmp.AllowUnexported(outage{})) {
		t.Error("another seed plans the same")
	}
}
