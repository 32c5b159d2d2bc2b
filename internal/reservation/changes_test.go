package reservation

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestChanges(t *testing.T) {
	var c changes
	var told []string
	tell := func(agentID string) { told = append(told, agentID) }

	seen, known := c.since(0, tell)
	if seen != 0 || !known {
		t.Errorf("at first: %d, %t", seen, known)
	}
	c.note("A1")
	c.note("A2")
	seen, known = c.since(seen, tell)
	if diff := cmp.Diff([]string{"A1", "A2"}, told); diff != "" || !known {
		t.Errorf("known %t (-want +got):\n%s", known, diff)
	}
	told = nil
	c.note("A1")
	if seen, known = c.since(seen, tell); !known || len(told) != 1 || seen != 3 {
		t.Errorf("the third change: %v, known %t, next %d", told, known, seen)
	}
}

// A reader that is too far behind is told so, and from then on all again.
func TestChangesForgets(t *testing.T) {
	var c changes
	for i := range changesKept + 10 {
		c.note(fmt.Sprint(i))
	}
	count := 0
	each := func(string) { count++ }
	seen, known := c.since(5, each)
	if known || count != 0 {
		t.Errorf("%d of the changes are told, known %t", count, known)
	}
	c.note("A")
	if _, known = c.since(seen, each); !known || count != 1 {
		t.Errorf("afterwards %d changes are told, known %t", count, known)
	}
	if _, known = c.since(changesKept, each); !known || count != 12 {
		t.Errorf("the last of those kept: %d in all, known %t", count, known)
	}
}
