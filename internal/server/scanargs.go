package server

import (
	"bytes"
	"encoding/binary"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// scanArgs reads ExtenderArgs in the form that kube-scheduler sends to an
// extender that is nodeCacheCapable, and appends the names to names. It reports
// false for any other body, right or wrong.
func scanArgs(body []byte, names []string) (args, bool) {
	c := &cursor{data: body}
	a := args{names: names}
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
	rest := string(c.data[c.at+1 : c.at+length])
	c.at += length + 1
	for rest != "" {
		end := strings.IndexByte(rest[1:], '"')
		if rest[0] != '"' || end < 1 {
			c.odd = true
			return names
		}
		names = append(names, rest[1:1+end])
		if rest = rest[end+2:]; rest == "" {
			return names
		}
		if rest[0] != ',' || len(rest) == 1 {
			c.odd = true
			return names
		}
		rest = rest[1:]
	}
	return names
}

// simple reports whether text is ASCII without control characters and
// backslashes: what is between the quotes of JSON is then what it says. It looks
// at eight bytes at a time, by the formulas of "Bit Twiddling Hacks" for a byte
// below n and for a byte that is zero.
func simple(text []byte) bool {
	const (
		ones  = 0x0101010101010101
		highs = 0x80 * ones
	)
	for ; len(text) >= 8; text = text[8:] {
		x := binary.LittleEndian.Uint64(text)
		escape := x ^ '\\'*ones
		if (x|(x-' '*ones)&^x|(escape-ones)&^escape)&highs != 0 {
			return false
		}
	}
	for _, b := range text {
		if b < ' ' || b >= 0x80 || b == '\\' {
			return false
		}
	}
	return true
}
