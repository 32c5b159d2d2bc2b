package simtest

import (
	"testing"
	"time"
)

// Where goroutines change places their draws must not.
func TestADrawDependsOnSeedPurposeAndCountOnly(t *testing.T) {
	draw := func(d *dice, what string) time.Duration { return d.between(what, 0, time.Hour) }
	one, other := newDice(1), newDice(1)
	first, second := draw(one, "backoff"), draw(one, "backoff")
	draw(other, "lag")
	if got := draw(other, "backoff"); got != first {
		t.Errorf("the first draw is %v, and after a draw for something else %v", first, got)
	}
	draw(other, "lag")
	if got := draw(other, "backoff"); got != second {
		t.Errorf("the second draw is %v, and after draws for something else %v", second, got)
	}
	if second == first || draw(newDice(2), "backoff") == first {
		t.Error("another count or seed changes nothing")
	}
}
