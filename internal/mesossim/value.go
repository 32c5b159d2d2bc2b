package mesossim

import (
	"math"
	"slices"
	"strconv"
	"strings"
)

// toFixed turns a scalar into thousandths, the precision that Mesos computes
// with (src/common/values.cpp).
func toFixed(v float64) int64 { return int64(math.Round(v * 1000)) }

// fromFixed is the inverse of toFixed.
func fromFixed(f int64) float64 {
	return float64(f/1000) + float64(f%1000)/1000
}

// formatScalar prints a scalar as Mesos does in its error texts.
func formatScalar(v float64) string {
	return strconv.FormatFloat(fromFixed(toFixed(v)), 'g', 15, 64)
}

// span is a closed interval of a ranges resource, such as ports.
type span struct{ begin, end uint64 }

// coalesce sorts spans and joins those that touch or overlap.
func coalesce(in []span) []span {
	sorted := slices.Clone(in)
	slices.SortFunc(sorted, func(a, b span) int {
		if a.begin != b.begin {
			if a.begin < b.begin {
				return -1
			}
			return 1
		}
		return 0
	})
	out := sorted[:0]
	for _, s := range sorted {
		last := len(out) - 1
		if last >= 0 && s.begin <= out[last].end+1 {
			out[last].end = max(out[last].end, s.end)
			continue
		}
		out = append(out, s)
	}
	return out
}

// addSpans returns the union of a and b.
func addSpans(a, b []span) []span {
	return coalesce(append(slices.Clone(a), b...))
}

// subSpans returns what is in a and not in b.
func subSpans(a, b []span) []span {
	rest := coalesce(a)
	for _, cut := range b {
		next := make([]span, 0, len(rest)+1)
		for _, s := range rest {
			if cut.end < s.begin || cut.begin > s.end {
				next = append(next, s)
				continue
			}
			if cut.begin > s.begin {
				next = append(next, span{s.begin, cut.begin - 1})
			}
			if cut.end < s.end {
				next = append(next, span{cut.end + 1, s.end})
			}
		}
		rest = next
	}
	return rest
}

// spansContain reports whether every number of b is in a.
func spansContain(a, b []span) bool {
	whole := coalesce(a)
	for _, want := range coalesce(b) {
		if !slices.ContainsFunc(whole, func(s span) bool {
			return s.begin <= want.begin && want.end <= s.end
		}) {
			return false
		}
	}
	return true
}

// formatSpans prints spans as Mesos does in its error texts.
func formatSpans(spans []span) string {
	parts := make([]string, len(spans))
	for i, s := range spans {
		parts[i] = strconv.FormatUint(s.begin, 10) + "-" + strconv.FormatUint(s.end, 10)
	}
	return "[" + strings.Join(parts, ", ") + "]"
}
