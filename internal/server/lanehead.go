package server

import (
	"bytes"
	"strconv"
)

// head is the head of a usual call: what kube-scheduler sends without TLS.
type head struct {
	verb   *route
	length int    // of the body
	id     string // that the caller gave, or ""
	size   int    // of the head itself
}

// endOfHead is what a head ends with.
var endOfHead = []byte("\r\n\r\n")

// readHead reads a head that ends within data. It reports false for any that is
// not as usual: net/http then has to judge it. What it accepts net/http accepts
// too, with the same meaning.
func readHead(data []byte, verbs []*route) (h head, usual bool) {
	end := bytes.Index(data, endOfHead)
	if end < 0 {
		return head{}, false
	}
	h = head{length: -1, size: end + len(endOfHead)}
	line, rest := cutLine(data[:end+2])
	if h.verb = requested(line, verbs); h.verb == nil {
		return head{}, false
	}
	hosts := 0
	for len(rest) > 0 {
		line, rest = cutLine(rest)
		name, value, found := bytes.Cut(line, []byte(": "))
		if !found || !printable(value) {
			return head{}, false
		}
		switch string(name) {
		case "User-Agent", "Content-Type", "Accept-Encoding", "Accept":
		case "Host":
			hosts++
		case "Content-Length":
			length, err := strconv.ParseUint(string(value), 10, 31)
			if err != nil || h.length >= 0 {
				return head{}, false
			}
			h.length = int(length)
		case requestIDHeader:
			if h.id != "" {
				return head{}, false
			}
			h.id = string(value)
		default:
			return head{}, false
		}
	}
	return h, hosts == 1 && h.length >= 0
}

// unfinished reports whether more of a head must arrive before it can be told
// whether it is as usual.
func unfinished(data []byte) bool {
	post := []byte("POST /")
	begins := bytes.HasPrefix(data, post) || bytes.HasPrefix(post, data)
	return begins && len(data) < maxHead && !bytes.Contains(data, endOfHead)
}

// cutLine cuts the first line off a text in which each ends with \r\n.
func cutLine(text []byte) (line, rest []byte) {
	line, rest, _ = bytes.Cut(text, endOfHead[:2])
	return line, rest
}

// requested returns the verb that a request line asks for, nil for another line.
func requested(line []byte, verbs []*route) *route {
	path, posts := bytes.CutPrefix(line, []byte("POST /"))
	name, modern := bytes.CutSuffix(path, []byte(" HTTP/1.1"))
	for _, verb := range verbs {
		if posts && modern && string(name) == verb.name {
			return verb
		}
	}
	return nil
}

// printable reports whether the value of a header is ASCII that is seen, and
// spaces within.
func printable(value []byte) bool {
	for _, c := range value {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return len(value) > 0 && value[0] != ' ' && value[len(value)-1] != ' '
}
