package server

import (
	"encoding/binary"
	"math/bits"

	corev1 "k8s.io/api/core/v1"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/filter"
)

// scanArgs reads ExtenderArgs in the form that kube-scheduler sends to an
// extender that is nodeCacheCapable. The names stay in the body; where they are
// is appended to spans. It reports false for any other body, right or wrong.
func scanArgs(body []byte, spans []filter.Span) (args, []filter.Span, bool) {
	c := &cursor{data: body}
	a := args{plain: true}
	listed := false
	c.members('{', '}', func() {
		name := c.plain()
		c.take(':')
		switch {
		case string(name) == "Pod" && a.pod == nil:
			a.pod = &corev1.Pod{}
			c.scanPod(a.pod)
		case string(name) == "Nodes":
			c.word("null")
		case string(name) == "NodeNames" && !listed:
			listed = true
			spans = c.scanNames(spans)
		default:
			c.odd = true
		}
	})
	a.names = filter.NamesIn(body, spans)
	ok := c.end() && listed && a.pod != nil && a.pod.Name != "" && a.pod.UID != ""
	return a, spans, ok
}

// scanNames reads an array of names without white space, and appends where they
// stand to spans.
func (c *cursor) scanNames(spans []filter.Span) []filter.Span {
	c.take('[')
	if c.next(']') {
		return spans
	}
	for !c.odd {
		from := c.at + 1
		end := c.endOfName()
		spans = append(spans, filter.Span{From: uint32(from), To: uint32(end)})
		c.at = end + 2
		if end+1 < len(c.data) && c.data[end+1] == ',' {
			continue
		}
		c.odd = c.odd || end+1 >= len(c.data) || c.data[end+1] != ']'
		return spans
	}
	return spans
}

// endOfName returns where the string that begins here ends: at its closing
// quote. An empty one, and one that is not plain ASCII, is odd.
func (c *cursor) endOfName() int {
	if c.odd || c.at >= len(c.data) || c.data[c.at] != '"' {
		c.odd = true
		return 0
	}
	from := c.at + 1
	for at := from; ; at += 8 {
		word := uint64(0) // beyond the end: odd
		if len(c.data)-at >= 8 {
			word = binary.LittleEndian.Uint64(c.data[at:])
		} else if at < len(c.data) {
			var last [8]byte
			copy(last[:], c.data[at:])
			word = binary.LittleEndian.Uint64(last[:])
		}
		found := zeros(word ^ '"'*ones)
		if special(word)&(found&-found-1) != 0 { // before the quote, or anywhere
			c.odd = true
			return 0
		}
		if found != 0 {
			end := at + bits.TrailingZeros64(found)/8
			c.odd = end == from
			return end
		}
	}
}
