package harness

import (
	"context"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// probeEvery is the period of the readiness probes of service.
const probeEvery = 200 * time.Millisecond

// service stands in for the Kubernetes Service: each new connection goes to the
// replica that was ready at the last probe, and stays with it.
type service struct {
	listener net.Listener
	replicas []*replica
	target   atomic.Pointer[replica] // nil: none is ready
	cancel   context.CancelFunc
	running  sync.WaitGroup
}

func newService(replicas []*replica) (*service, error) {
	listener, err := net.Listen("tcp", address(0)) //nolint:noctx // bound to this process
	if err != nil {
		return nil, fmt.Errorf("listen for the scheduler: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &service{listener: listener, replicas: replicas, cancel: cancel}
	s.running.Go(func() { s.probe(ctx) })
	s.running.Go(func() { s.accept(ctx) })
	return s, nil
}

func (s *service) address() string { return s.listener.Addr().String() }

func (s *service) stop() {
	s.cancel()
	_ = s.listener.Close() // only ends accept
	s.running.Wait()
}

// probe keeps the target up to date.
func (s *service) probe(ctx context.Context) {
	ticker := time.NewTicker(probeEvery)
	defer ticker.Stop()
	for {
		var ready *replica
		for _, r := range s.replicas {
			if r.ready(ctx) == nil {
				ready = r
				break
			}
		}
		s.target.Store(ready)
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func (s *service) accept(ctx context.Context) {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.running.Go(func() { s.forward(ctx, conn) })
	}
}

// forward carries one connection until either side closes it.
func (s *service) forward(ctx context.Context, conn net.Conn) {
	defer conn.Close() //nolint:errcheck // closed by either side
	target := s.target.Load()
	if target == nil {
		return
	}
	upstream, err := (&net.Dialer{Timeout: readyTimeout}).DialContext(ctx, "tcp", address(target.port))
	if err != nil {
		return
	}
	defer upstream.Close() //nolint:errcheck // closed by either side
	ended := make(chan struct{}, 2)
	for _, way := range [][2]net.Conn{{conn, upstream}, {upstream, conn}} {
		s.running.Go(func() {
			_, _ = io.Copy(way[0], way[1]) // how it ended matters to neither side
			ended <- struct{}{}
		})
	}
	select {
	case <-ended:
	case <-ctx.Done():
	}
}
