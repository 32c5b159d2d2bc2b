package server

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
)

// cursor walks through JSON once, checks its syntax and copies only what it is
// asked for. It is for what kube-scheduler sends: at anything else, wrong or
// merely unusual, it becomes odd and stays where it is, and the caller begins
// anew with encoding/json, whose judgement counts and whose errors are told.
type cursor struct {
	data []byte
	at   int
	deep int
	odd  bool
}

// maxDepth of what a cursor follows; kube-scheduler's bodies have about 10.
const maxDepth = 100

// peek returns the next byte that is no white space, 0 if there is none.
func (c *cursor) peek() byte {
	for ; c.at < len(c.data) && !c.odd; c.at++ {
		switch b := c.data[c.at]; b {
		case ' ', '\t', '\n', '\r':
		default:
			return b
		}
	}
	return 0
}

// take moves past b, which must be next.
func (c *cursor) take(b byte) {
	if !c.next(b) {
		c.odd = true
	}
}

// next moves past b and reports true if it is next.
func (c *cursor) next(b byte) bool {
	if c.at < len(c.data) && c.data[c.at] == b && !c.odd {
		c.at++
		return true
	}
	return c.nextAfterSpace(b)
}

// nextAfterSpace is next where white space may come before b, which is rare.
func (c *cursor) nextAfterSpace(b byte) bool {
	if c.peek() != b || c.odd {
		return false
	}
	c.at++
	return true
}

// end reports whether all was read and nothing was odd.
func (c *cursor) end() bool { return !c.odd && c.peek() == 0 && c.at == len(c.data) }

// fields walks through an object and calls each for its members that are among
// names, with the index of the name; each must read the value. null counts as
// absent, and other members are skipped, as encoding/json does. What it would
// take for one of names too, or a name that comes twice, is odd.
func (c *cursor) fields(names []string, each func(i int)) {
	seen := 0
	c.members('{', '}', func() {
		name := c.plain()
		c.take(':')
		i := c.index(name, names)
		switch {
		case c.odd:
		case i < 0:
			c.skip()
		case seen&(1<<i) != 0:
			c.odd = true
		case c.peek() == 'n':
			seen |= 1 << i
			c.skip()
		default:
			seen |= 1 << i
			each(i)
		}
	})
}

func (c *cursor) index(name []byte, names []string) int {
	for i := range names {
		if string(name) == names[i] {
			return i
		}
	}
	for i := range names {
		if len(name) == len(names[i]) && strings.EqualFold(string(name), names[i]) {
			c.odd = true
		}
	}
	return -1
}

// array walks through an array and calls each for its elements.
func (c *cursor) array(each func()) { c.members('[', ']', each) }

// entries walks through an object and calls each for its members, with the name.
func (c *cursor) entries(each func(name string)) {
	c.members('{', '}', func() {
		name := c.text()
		c.take(':')
		each(name)
	})
}

func (c *cursor) members(first, last byte, each func()) {
	c.take(first)
	if c.deep++; c.deep > maxDepth {
		c.odd = true
	}
	if !c.next(last) {
		for each(); c.next(','); {
			each()
		}
		c.take(last)
	}
	c.deep--
}

// plain reads a string of ASCII without escapes. Its bytes are those of the
// body.
func (c *cursor) plain() []byte {
	c.take('"')
	text, ok := c.untilQuote()
	c.odd = c.odd || !ok
	return text
}

// untilQuote moves past the next quote and returns what is before it, unless
// that is not ASCII or has an escape.
func (c *cursor) untilQuote() (text []byte, ok bool) {
	end := c.at + ordinary(c.data[c.at:])
	if c.odd || end == len(c.data) || c.data[end] != '"' {
		return nil, false
	}
	text = c.data[c.at:end]
	c.at = end + 1
	return text, true
}

// text reads any string.
func (c *cursor) text() string {
	c.take('"')
	if text, ok := c.untilQuote(); ok {
		return string(text)
	}
	from := c.at - 1
	c.restOfString()
	var out string
	if !c.odd {
		c.odd = json.Unmarshal(c.data[from:c.at], &out) != nil
	}
	return out
}

// into decodes a value as encoding/json does.
func (c *cursor) into(value any) {
	if raw := c.raw(); !c.odd && json.Unmarshal(raw, value) != nil {
		c.odd = true
	}
}

// int32 reads a whole number.
func (c *cursor) int32() int32 {
	n, err := strconv.ParseInt(string(c.raw()), 10, 32)
	c.odd = c.odd || err != nil
	return int32(n)
}

// flag reads true or false.
func (c *cursor) flag() bool {
	raw := c.raw()
	if string(raw) != "true" && string(raw) != "false" {
		c.odd = true
	}
	return string(raw) == "true"
}

// raw reads a value and returns its bytes in the body.
func (c *cursor) raw() []byte {
	c.peek()
	from := c.at
	c.skip()
	return c.data[from:c.at]
}

// skip moves past a value of which the syntax is right.
func (c *cursor) skip() {
	switch c.peek() {
	case '{':
		c.members('{', '}', c.skipMember)
	case '[':
		c.members('[', ']', c.skip)
	case '"':
		c.skipString()
	case 't':
		c.word("true")
	case 'f':
		c.word("false")
	case 'n':
		c.word("null")
	default:
		c.skipNumber()
	}
}

func (c *cursor) skipMember() {
	c.skipString()
	c.take(':')
	c.skip()
}

func (c *cursor) word(word string) {
	if c.odd || !bytes.HasPrefix(c.data[c.at:], []byte(word)) {
		c.odd = true
		return
	}
	c.at += len(word)
}

func (c *cursor) skipString() {
	c.take('"')
	if _, ok := c.untilQuote(); !ok {
		c.restOfString()
	}
}

// restOfString moves past the end of a string that may have any characters.
func (c *cursor) restOfString() {
	for ; c.at < len(c.data) && !c.odd; c.at++ {
		switch b := c.data[c.at]; {
		case b == '"':
			c.at++
			return
		case b == '\\':
			if c.at++; c.at == len(c.data) {
				c.odd = true
				return // no further than the end
			}
			c.odd = bytes.IndexByte([]byte(`"\/bfnrtu`), c.data[c.at]) < 0 ||
				c.data[c.at] == 'u' && !fourHex(c.data[c.at+1:])
		case b < ' ':
			c.odd = true
		}
	}
	c.odd = true
}

// fourHex reports whether text begins with four hexadecimal digits.
func fourHex(text []byte) bool {
	if len(text) < 4 {
		return false
	}
	for _, b := range text[:4] {
		if (b < '0' || b > '9') && (b|0x20 < 'a' || b|0x20 > 'f') {
			return false
		}
	}
	return true
}

// skipNumber moves past a number: -? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?
func (c *cursor) skipNumber() {
	c.oneOf("-")
	if !c.oneOf("0") && c.digits() == 0 {
		c.odd = true
	}
	if c.oneOf(".") && c.digits() == 0 {
		c.odd = true
	}
	if c.oneOf("eE") {
		c.oneOf("+-")
		if c.digits() == 0 {
			c.odd = true
		}
	}
}

func (c *cursor) oneOf(bytes string) bool {
	if c.odd || c.at == len(c.data) || strings.IndexByte(bytes, c.data[c.at]) < 0 {
		return false
	}
	c.at++
	return true
}

func (c *cursor) digits() (n int) {
	for !c.odd && c.at < len(c.data) && '0' <= c.data[c.at] && c.data[c.at] <= '9' {
		c.at++
		n++
	}
	return n
}
