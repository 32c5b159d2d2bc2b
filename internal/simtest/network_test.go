package simtest

import (
	"context"
	"errors"
	"net"
	"sync"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/simtest/luck"
)

var errRefused = errors.New("connection refused")

// network is the address of the master, in memory.
type network struct {
	luck *luck.Source

	mu       sync.Mutex
	listener *memoryListener
}

// listen is mesossim's Options.Listen.
func (n *network) listen(string, string) (net.Listener, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.listener = newMemoryListener()
	return n.listener, nil
}

// memoryListener hands out connections that never touch the system.
type memoryListener struct {
	arrived chan net.Conn
	closed  chan struct{}
	once    sync.Once
}

func newMemoryListener() *memoryListener {
	return &memoryListener{arrived: make(chan net.Conn), closed: make(chan struct{})}
}

func (l *memoryListener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.arrived:
		return conn, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *memoryListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *memoryListener) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 5050} }

// link is all connections of one process to the master.
type link struct {
	network *network

	mu     sync.Mutex // guards the rest
	conns  map[*conn]struct{}
	cut    bool
	frozen chan struct{} // closed at the thaw; nil if not frozen
}

func newLink(n *network) *link { return &link{network: n, conns: map[*conn]struct{}{}} }

// dial is mesos.Config.Dial.
func (l *link) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	l.network.mu.Lock()
	listener := l.network.listener
	l.network.mu.Unlock()
	if listener == nil || l.isCut() {
		return nil, errRefused
	}
	ours, theirs := net.Pipe()
	select {
	case listener.arrived <- end{theirs, l.network.luck}:
		return l.keep(end{ours, l.network.luck})
	case <-listener.closed:
		return nil, errRefused
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (l *link) keep(raw net.Conn) (net.Conn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cut {
		return nil, errors.Join(errRefused, raw.Close())
	}
	c := &conn{Conn: raw, link: l}
	l.conns[c] = struct{}{}
	return c, nil
}

func (l *link) isCut() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.cut
}

// sever breaks every connection for good, as the end of the process does.
func (l *link) sever() {
	l.mu.Lock()
	l.cut = true
	open := l.conns
	l.conns = map[*conn]struct{}{}
	l.mu.Unlock()
	l.thaw()
	for c := range open {
		_ = c.Conn.Close() // a pipe's never fails
	}
}

func (l *link) isFrozen() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.frozen != nil
}

// freeze makes the connections half open: nothing arrives any more, and no end
// of them is told.
func (l *link) freeze() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.frozen == nil && !l.cut {
		l.frozen = make(chan struct{})
	}
}

func (l *link) thaw() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.frozen != nil {
		close(l.frozen)
		l.frozen = nil
	}
}

// conn is a connection that can freeze.
type conn struct {
	net.Conn
	link *link
}

func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.link.mu.Lock()
	frozen := c.link.frozen
	c.link.mu.Unlock()
	if frozen != nil {
		<-frozen
	}
	return n, err
}

func (c *conn) Close() error {
	c.link.mu.Lock()
	delete(c.link.conns, c)
	c.link.mu.Unlock()
	return c.Conn.Close()
}

// end is one end of a connection. Whether net/http reads, writes or gives up
// first is drawn by the Go runtime.
type end struct {
	net.Conn
	luck *luck.Source
}

func (e end) Read(p []byte) (int, error) {
	defer e.luck.Renew()
	return e.Conn.Read(p)
}

func (e end) Write(p []byte) (int, error) {
	e.luck.Renew()
	defer e.luck.Renew()
	return e.Conn.Write(p)
}

func (e end) Close() error {
	e.luck.Renew()
	return e.Conn.Close()
}
