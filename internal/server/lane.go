package server

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"
)

const (
	// maxHead bounds the head of a usual call; kube-scheduler's has 160 bytes.
	maxHead = 4 << 10
	// firstRead is enough for a whole call with 500 names.
	firstRead = 16 << 10
)

// lane answers the usual calls of one connection. From the first request on that
// is not as usual net/http has the connection.
//
// A call of 500 nodes takes a third less time that way. net/http starts a
// goroutine with each request that has a body, to notice that the caller hangs
// up, and stops it after the answer; both wake other threads, which on a busy
// machine costs more than the call itself.
type lane struct {
	conn  net.Conn
	lanes *lanes
	state atomic.Int32 // one of the states of a lane

	in       [firstRead]byte
	from, to int    // in[from:to] has arrived and is not used yet
	out      []byte // the head of the latest reply
	closes   bool   // that said so
	verbs    []*route
	limit    int64 // of a body
}

// begin readies a lane, new or used, for a connection.
func (l *lane) begin(conn net.Conn) {
	l.conn, l.from, l.to, l.closes = conn, 0, 0, false
	l.state.Store(waiting)
}

// The states of a lane.
const (
	waiting int32 = iota // for a call
	calling              // with a call
	ended                // it takes no more calls
)

// run answers calls. It reports true where net/http has to go on.
func (l *lane) run() (goOn bool) {
	for {
		h, usual, err := l.next()
		if err != nil || !usual {
			return err == nil
		}
		if !l.state.CompareAndSwap(waiting, calling) {
			return false
		}
		l.answer(h)
		if l.closes || !l.state.CompareAndSwap(calling, waiting) || l.lanes.ending.Load() {
			return false
		}
	}
}

// next waits for a request and reads the head of a usual call.
func (l *lane) next() (h head, usual bool, err error) {
	for limit := idleTimeout; ; limit = headerTimeout {
		if arrived := l.in[l.from:l.to]; len(arrived) > 0 {
			h, usual = readHead(arrived, l.verbs)
			if usual {
				return h, int64(h.length) <= l.limit, nil
			}
			if !unfinished(arrived) {
				return h, false, nil
			}
		}
		if err := l.conn.SetReadDeadline(time.Now().Add(limit)); err != nil {
			return h, false, err
		}
		if l.lanes.ending.Load() { // asked after the deadline is set, since the end sets its own
			return h, false, net.ErrClosed
		}
		copy(l.in[:], l.in[l.from:l.to])
		l.from, l.to = 0, l.to-l.from
		n, err := l.conn.Read(l.in[l.to:])
		if l.to += n; err != nil && n == 0 {
			return h, false, err
		}
	}
}

// answer answers the call whose head was read.
func (l *lane) answer(h head) {
	s := l.lanes.server
	c := &call{ctx: context.Background(), id: s.ids.of(h.id), memory: takeBuffers()}
	defer c.memory.release()
	arrived := l.in[l.from+h.size : l.to]
	arrived = arrived[:min(len(arrived), h.length)]
	c.memory.body = append(c.memory.body, arrived...)
	l.from += h.size + len(arrived)
	s.serve(h.verb, c, &passage{l, l.rest(c, h.length)})
}

// rest reads the rest of a body.
func (l *lane) rest(c *call, length int) error {
	if len(c.memory.body) < length {
		if err := l.conn.SetReadDeadline(time.Now().Add(readTimeout)); err != nil {
			return err
		}
		if err := c.memory.read(l.conn, length); err != nil {
			return err
		}
	}
	c.body = c.memory.body
	return nil
}

// passage is the caller of one call on a lane.
type passage struct {
	lane *lane
	// unread is why the body could not be read. That was tried before anything
	// is answered: a caller that still writes may not get to see the answer.
	unread error
}

// identified is false: without TLS nobody is.
func (*passage) identified() bool { return false }

func (p *passage) read(*call, int64) error { return p.unread }

func (p *passage) send(c *call, r reply) error {
	l := p.lane
	l.closes = r.close || p.unread != nil
	l.out = append(l.out[:0], "HTTP/1.1 "...)
	l.out = strconv.AppendInt(l.out, int64(r.status), 10)
	l.field(" ", http.StatusText(r.status))
	l.field("Content-Type: ", r.media)
	l.field("Content-Length: ", strconv.Itoa(len(r.body)))
	l.field(requestIDHeader+": ", c.id)
	if l.closes {
		l.field("Connection: ", "close")
	}
	l.out = append(l.out, "Date: "...)
	l.out = time.Now().UTC().AppendFormat(l.out, http.TimeFormat)
	l.out = append(l.out, "\r\n\r\n"...)
	var err error
	if len(r.body) <= maxHead {
		l.out = append(l.out, r.body...)
		_, err = l.conn.Write(l.out)
	} else {
		parts := net.Buffers{l.out, r.body}
		_, err = parts.WriteTo(l.conn)
	}
	l.closes = l.closes || err != nil
	return err
}

// field adds a line to the head of a reply.
func (l *lane) field(name, value string) {
	l.out = append(append(append(l.out, name...), value...), "\r\n"...)
}

// leftover is a connection of which something was read already.
type leftover struct {
	net.Conn
	read *bytes.Reader
}

func (l *leftover) Read(p []byte) (int, error) {
	if n, err := l.read.Read(p); err != io.EOF {
		return n, err
	}
	return l.Conn.Read(p)
}
