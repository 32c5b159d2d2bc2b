package filter

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// In how many parts a call is judged makes no difference.
func TestPartsMakeNoDifference(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	fitting := 0
	for range 3000 {
		w := randomWorld(r)
		for _, choice := range []Choice{{}, {Strategy: BinPacking, Candidates: 2}, {Strategy: Spreading, Candidates: 4}} {
			whole := filterIn(1, w.view(), w.request, NamesOf(w.nodes...), choice)
			fitting += min(whole.Fitting, 1)
			for parts := 2; parts < 5; parts++ {
				got := filterIn(parts, w.view(), w.request, NamesOf(w.nodes...), choice)
				if diff := cmp.Diff(whole, got); diff != "" {
					t.Fatalf("%v of %d nodes in %d parts (-one part, +several):\n%s", choice, len(w.nodes), parts, diff)
				}
			}
		}
	}
	if fitting < 1000 || fitting > 8000 {
		t.Errorf("a node fits in %d of 9000 worlds: the test proves little", fitting)
	}
}

func TestPartsAreWholeAndApart(t *testing.T) {
	for nodes := range 30 {
		for parts := 1; parts < 6; parts++ {
			ends := make([][2]int, parts)
			inParts(nodes, parts, func(part, from, to int) { ends[part] = [2]int{from, to} })
			var seen []int
			for _, end := range ends {
				for i := end[0]; i < end[1]; i++ {
					seen = append(seen, i)
				}
			}
			if len(seen) != nodes || !slices.IsSorted(seen) {
				t.Errorf("%d nodes in %d parts: %v", nodes, parts, ends)
			}
		}
	}
}

// Many nodes are judged side by side, few are not.
func TestPartsOf(t *testing.T) {
	if got := partsOf(0) + partsOf(worthwhile); got != 2 {
		t.Errorf("a few nodes are judged in %d parts", got-1)
	}
	if got := partsOf(1000 * worthwhile); got < 1 {
		t.Error("no part:", fmt.Sprint(got))
	}
}

// Scores of many nodes are those of each alone.
func TestScoresOfManyNodes(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	w := randomWorld(r)
	for len(w.nodes) < 6 {
		w = randomWorld(r)
	}
	many := slices.Repeat(w.nodes, 1000)
	few := Score(w.view(), w.request, NamesOf(w.nodes...), BinPacking)
	if diff := cmp.Diff(slices.Repeat(few, 1000), Score(w.view(), w.request, NamesOf(many...), BinPacking)); diff != "" {
		t.Error(diff)
	}
}

// A fault in any part is the caller's to handle.
func TestPanicInAPart(t *testing.T) {
	for faulty := range 3 {
		func() {
			defer func() {
				if got := recover(); got != "fault" {
					t.Errorf("part %d: recovered %v", faulty, got)
				}
			}()
			inParts(9, 3, func(part, _, _ int) {
				if part == faulty {
					panic("fault")
				}
			})
		}()
	}
}
