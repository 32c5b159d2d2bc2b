package mesos

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"testing"
)

// network is an in-memory network, so that tests can run under synctest with
// its clock. Hosts are found by host:port.
type network struct {
	mu    sync.Mutex // guards hosts
	hosts map[string]*pipeListener
}

func (n *network) dial(ctx context.Context, _, address string) (net.Conn, error) {
	n.mu.Lock()
	l, ok := n.hosts[address]
	n.mu.Unlock()
	if !ok {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused: " + address)}
	}
	ours, theirs := net.Pipe()
	select {
	case l.conns <- theirs:
		return ours, nil
	case <-l.closed:
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused: " + address)}
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// serve answers at address until the test or stop ends it.
func (n *network) serve(t *testing.T, address string, handler http.Handler) (stop func()) {
	t.Helper()
	l := &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}
	server := &http.Server{Handler: handler}
	n.mu.Lock()
	if n.hosts == nil {
		n.hosts = make(map[string]*pipeListener)
	}
	n.hosts[address] = l
	n.mu.Unlock()
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("serve %s: %v", address, err)
		}
	}()
	stop = sync.OnceFunc(func() {
		n.mu.Lock()
		delete(n.hosts, address)
		n.mu.Unlock()
		if err := server.Close(); err != nil {
			t.Errorf("close %s: %v", address, err)
		}
		<-done
	})
	t.Cleanup(stop)
	return stop
}

type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *pipeListener) Addr() net.Addr { return &net.IPAddr{} }
