package server

import (
	"bytes"

	corev1 "k8s.io/api/core/v1"
)

// scanArgs reads ExtenderArgs in the form that kube-scheduler sends to an
// extender that is nodeCacheCapable, and appends the names to names. It reports
// false for any other body, right or wrong.
func scanArgs(body []byte, names []string) (args, bool) {
	c := &cursor{data: body}
	a := args{names: names, plain: true}
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
			a.names = c.scanNames(names)
		default:
			c.odd = true
		}
	})
	ok := c.end() && listed && a.pod != nil && a.pod.Name != "" && a.pod.UID != ""
	return a, ok
}

// scanNames reads an array of node names. They share one copy of the array, so
// that the body may be overwritten afterwards.
func (c *cursor) scanNames(names []string) []string {
	if c.peek() != '[' {
		c.odd = true
		return names
	}
	// No node's name has a bracket: one inside a name makes the last odd.
	length := bytes.IndexByte(c.data[c.at:], ']')
	if length < 0 || !simple(c.data[c.at:c.at+length]) {
		c.odd = true
		return names
	}
	text := c.data[c.at+1 : c.at+length]
	c.at += length + 1
	return c.split(text, names)
}

// split appends the strings of a list, which has no brackets, to names.
func (c *cursor) split(list []byte, names []string) []string {
	copied := string(list)
	for at := 0; at < len(list); {
		length := -1
		if list[at] == '"' {
			length = quote(list[at+1:])
		}
		if length < 1 {
			c.odd = true
			return names
		}
		names = append(names, copied[at+1:at+1+length])
		if at += length + 2; at == len(list) {
			return names
		}
		if at++; list[at-1] != ',' || at == len(list) {
			c.odd = true
			return names
		}
	}
	return names
}
