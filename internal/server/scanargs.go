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

// scanNames reads an array of names, and appends where they stand to spans. White
// space between them is odd, and so is a name that is empty or not plain ASCII.
func (c *cursor) scanNames(spans []filter.Span) []filter.Span {
	c.take('[')
	if c.next(']') {
		return spans
	}
	for !c.odd {
		from := c.at + 1
		end := nameEnd(c.data, from)
		if end <= from || end+1 == len(c.data) || c.data[c.at] != '"' {
			break
		}
		spans = append(spans, filter.Span{From: uint32(from), To: uint32(end)})
		c.at = end + 2
		switch c.data[end+1] {
		case ',':
		case ']':
			return spans
		default:
			c.odd = true
		}
	}
	c.odd = true
	return spans
}

// nameEnd returns where the first quote is, looking from there on; 0 if anything
// that is not plain ASCII comes before it, or the end.
func nameEnd(data []byte, from int) int {
	for at := from; at < len(data); at += 8 {
		word := wordAt(data, at)
		found := zeros(word ^ '"'*ones)
		if special(word)&(found&-found-1) != 0 { // before the quote, or anywhere
			return 0
		}
		if found != 0 {
			return at + bits.TrailingZeros64(found)/8
		}
	}
	return 0
}

// wordAt reads eight bytes; those beyond the end are 0, a control character.
func wordAt(data []byte, at int) uint64 {
	if len(data)-at >= 8 {
		return binary.LittleEndian.Uint64(data[at:])
	}
	var last [8]byte
	copy(last[:], data[at:])
	return binary.LittleEndian.Uint64(last[:])
}
