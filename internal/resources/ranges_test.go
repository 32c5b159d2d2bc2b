package resources

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNewRanges(t *testing.T) {
	const last = math.MaxUint64
	tests := []struct {
		name string
		in   []Range
		want Ranges
	}{
		{"none", nil, nil},
		{"sorted", []Range{{5, 6}, {1, 2}}, Ranges{{1, 2}, {5, 6}}},
		{"adjacent", []Range{{3, 4}, {1, 2}}, Ranges{{1, 4}}},
		{"overlapping", []Range{{1, 5}, {2, 3}, {4, 9}}, Ranges{{1, 9}}},
		{"twice", []Range{{7, 7}, {7, 7}}, Ranges{{7, 7}}},
		{"reversed is empty", []Range{{9, 3}, {1, 1}}, Ranges{{1, 1}}},
		{"both ends of the numbers", []Range{{last, last}, {0, 0}, {0, 3}}, Ranges{{0, 3}, {last, last}}},
		{"all numbers", []Range{{0, last}, {last, last}}, Ranges{{0, last}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, NewRanges(tt.in...)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestRangesAtTheLastNumber(t *testing.T) {
	const last = math.MaxUint64
	all, end := Ranges{{0, last}}, Ranges{{last, last}}
	if diff := cmp.Diff(Ranges{{0, last - 1}}, all.Minus(end)); diff != "" {
		t.Errorf("all minus the last (-want +got):\n%s", diff)
	}
	if got := end.Minus(all); got != nil {
		t.Errorf("the last minus all = %v, want none", got)
	}
	if got := all.Intersect(end); !got.Contains(end) || got.Count() != 1 {
		t.Errorf("all ∩ the last = %v, want %v", got, end)
	}
}

// bits is a model of Ranges over the numbers 0 to 63.
func bits(r Ranges) uint64 {
	var set uint64
	for _, x := range r {
		for n := x.Begin; n <= x.End; n++ {
			set |= 1 << n
		}
	}
	return set
}

func randomRanges(rng *rand.Rand) Ranges {
	var rs []Range
	for range rng.IntN(6) {
		begin := rng.Uint64N(64)
		rs = append(rs, Range{begin, min(begin+rng.Uint64N(12), 63)})
	}
	return NewRanges(rs...)
}

func TestRangesAgainstSets(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 20000 {
		a, b := randomRanges(rng), randomRanges(rng)
		for _, op := range []struct {
			name string
			got  Ranges
			want uint64
		}{
			{"∪", a.Union(b), bits(a) | bits(b)},
			{"−", a.Minus(b), bits(a) &^ bits(b)},
			{"∩", a.Intersect(b), bits(a) & bits(b)},
		} {
			if bits(op.got) != op.want {
				t.Fatalf("%v %s %v = %v", a, op.name, b, op.got)
			}
			if diff := cmp.Diff(NewRanges(op.got...), op.got); diff != "" {
				t.Fatalf("%v %s %v is not in normal form:\n%s", a, op.name, b, diff)
			}
		}
		if got, want := a.Contains(b), bits(b)&^bits(a) == 0; got != want {
			t.Fatalf("%v contains %v: %v, want %v", a, b, got, want)
		}
	}
}

func TestRangesString(t *testing.T) {
	if got := (Ranges{{31000, 31001}, {31005, 31005}}).String(); got != "[31000-31001,31005-31005]" {
		t.Errorf("got %s", got)
	}
}
