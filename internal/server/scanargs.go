package server

import (
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
	for !c.odd && c.at < len(c.data) && c.data[c.at] == '"' {
		from := c.at + 1
		end := from + ordinary(c.data[from:])
		if end == from || end+1 >= len(c.data) || c.data[end] != '"' {
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
