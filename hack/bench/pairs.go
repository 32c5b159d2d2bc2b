package main

import (
	"fmt"
	"math"
	"slices"
)

// pair is one measurement of both sides, one right after the other.
type pair struct{ ours, reference float64 }

func (p pair) ratio() float64 { return p.ours / p.reference }

// medianPair is the pair whose ratio is in the middle; all pairs are among the
// details.
func medianPair(pairs []pair) result {
	if len(pairs) == 0 {
		return result{ours: math.NaN(), reference: math.NaN(), ratio: math.NaN()}
	}
	order := slices.SortedFunc(slices.Values(pairs), func(a, b pair) int {
		switch {
		case a.ratio() < b.ratio():
			return -1
		case a.ratio() > b.ratio():
			return 1
		}
		return 0
	})
	middle := order[(len(order)-1)/2]
	r := compare(middle.ours, middle.reference)
	for i, p := range pairs {
		r.details.add(fmt.Sprintf("ours %d", i+1), p.ours)
		r.details.add(fmt.Sprintf("reference %d", i+1), p.reference)
	}
	return r
}

// percentile returns the smallest of values that at least a share of p (0 to 1)
// does not exceed; NaN of none.
func percentile(values []float64, p float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[min(max(int(math.Ceil(p*float64(len(sorted))))-1, 0), len(sorted)-1)]
}

// median returns the middle of values, NaN of none.
func median(values []float64) float64 { return percentile(values, 0.5) }
