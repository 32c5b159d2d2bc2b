package server

import (
	"bytes"
	"context"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/crew"
)

// maxSpare bounds the goroutines that are kept for connections to come.
const maxSpare = 64

// lanes puts a lane in front of each connection of a listener, and is the
// listener of those connections that net/http has to serve.
type lanes struct {
	net.Listener
	server *Server
	// leaving are connections on their way to net/http, failures those of the
	// listener, which net/http knows how to take.
	leaving  chan net.Conn
	failures chan error
	closed   chan struct{}
	shut     func() error // closes closed and the listener, once
	ending   atomic.Bool
	accepts  sync.WaitGroup // the goroutine that accepts
	crew     *crew.Crew     // runs the lanes
	spare    sync.Pool      // of lanes whose connections have ended

	mu   sync.Mutex // guards open
	open map[*lane]struct{}
}

// newLanes returns lanes that accept connections until they are closed.
func newLanes(s *Server, listener net.Listener) *lanes {
	ls := &lanes{
		Listener: listener, server: s, open: map[*lane]struct{}{},
		leaving: make(chan net.Conn), failures: make(chan error), closed: make(chan struct{}),
		crew: crew.New(maxSpare),
	}
	ls.spare.New = func() any { return &lane{lanes: ls, verbs: s.verbs, limit: s.options.MaxBodyBytes} }
	ls.shut = sync.OnceValue(func() error {
		close(ls.closed)
		return listener.Close()
	})
	ls.accepts.Go(ls.acceptAll)
	return ls
}

// Accept returns the next connection for net/http.
func (ls *lanes) Accept() (net.Conn, error) {
	select {
	case conn := <-ls.leaving:
		return conn, nil
	case err := <-ls.failures:
		return nil, err
	case <-ls.closed:
		return nil, net.ErrClosed
	}
}

// Close closes the listener. Lanes go on until end is called.
func (ls *lanes) Close() error { return ls.shut() }

func (ls *lanes) acceptAll() {
	for {
		conn, err := ls.Listener.Accept()
		if err == nil {
			ls.begin(conn)
			continue
		}
		select {
		case ls.failures <- err:
		case <-ls.closed:
			return
		}
	}
}

// begin has a lane serve a connection. kube-scheduler opens one for nearly every
// bind, since its client keeps no more than two that are idle.
func (ls *lanes) begin(conn net.Conn) {
	l := ls.spare.Get().(*lane)
	l.begin(conn)
	ls.mu.Lock()
	ls.open[l] = struct{}{}
	ls.mu.Unlock()
	ls.crew.Go(func() {
		goOn := l.run()
		ls.mu.Lock()
		delete(ls.open, l)
		ls.mu.Unlock()
		if goOn && ls.leave(l) {
			return
		}
		_ = conn.Close() // all is sent
		ls.spare.Put(l)
	})
}

// leave gives the connection of a lane to net/http. It reports false where that
// takes none any more.
func (ls *lanes) leave(l *lane) bool {
	if l.conn.SetReadDeadline(time.Time{}) != nil {
		return false
	}
	select {
	case ls.leaving <- &leftover{l.conn, bytes.NewReader(l.in[l.from:l.to])}:
		return true
	case <-ls.closed:
		return false
	}
}

// end closes the listener and has the lanes finish what they answer. It returns
// ctx's error if that takes longer; then their connections are closed.
func (ls *lanes) end(ctx context.Context) error {
	ls.ending.Store(true)
	_ = ls.Close() // the listener's error changes nothing
	ls.each(func(l *lane) {
		if l.state.CompareAndSwap(waiting, ended) {
			_ = l.conn.SetReadDeadline(time.Unix(1, 0)) // wakes it, if it is not closed
		}
	})
	finished := make(chan struct{})
	go func() { ls.accepts.Wait(); ls.crew.Dismiss(); close(finished) }()
	select {
	case <-finished:
		return nil
	case <-ctx.Done():
		ls.each(func(l *lane) { _ = l.conn.Close() })
		return ctx.Err()
	}
}

func (ls *lanes) each(do func(*lane)) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	for l := range ls.open {
		do(l)
	}
}
