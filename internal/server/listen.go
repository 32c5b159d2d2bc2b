package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/logkeys"
)

const (
	// readTimeout bounds the arrival of one request; it is longer than any
	// bind, since net/http also ends the wait for an answer with it.
	readTimeout   = time.Minute
	headerTimeout = 10 * time.Second
	idleTimeout   = 2 * time.Minute
)

// Run listens on the configured addresses and serves until ctx ends; then
// requests in flight finish within Options.ShutdownTimeout. The error is nil
// if all of them did.
func (s *Server) Run(ctx context.Context) error {
	config := net.ListenConfig{}
	listener, err := config.Listen(ctx, "tcp", s.options.Address)
	if err != nil {
		return fmt.Errorf("listen for kube-scheduler: %w", err)
	}
	if s.options.DebugAddress == "" {
		return s.Serve(ctx, listener)
	}
	debug, err := config.Listen(ctx, "tcp", s.options.DebugAddress)
	if err != nil {
		return errors.Join(fmt.Errorf("listen for profiles: %w", err), listener.Close())
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return s.Serve(ctx, listener) })
	group.Go(func() error { return s.serveDebug(ctx, debug) })
	return group.Wait()
}

// Serve is Run on a listener of the caller's, without the debug address. It
// closes the listener.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	config, err := s.options.TLS.load()
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	server := s.httpServer(s.handler)
	server.TLSConfig = config
	s.deps.Log.Info("listening for kube-scheduler",
		zap.Stringer(logkeys.Address, listener.Addr()), zap.Bool("tls", config != nil))
	if config != nil {
		return s.until(ctx, server, func() error { return server.ServeTLS(listener, "", "") }, nil)
	}
	ls := newLanes(s, listener)
	return s.until(ctx, server, func() error { return server.Serve(ls) }, ls)
}

// serveDebug serves pprof, which shows the process's memory, on an address of
// its own.
func (s *Server) serveDebug(ctx context.Context, listener net.Listener) error {
	profiles := http.NewServeMux()
	profiles.HandleFunc("/debug/pprof/", pprof.Index)
	profiles.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	profiles.HandleFunc("/debug/pprof/profile", pprof.Profile)
	profiles.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	profiles.HandleFunc("/debug/pprof/trace", pprof.Trace)
	server := s.httpServer(profiles)
	return s.until(ctx, server, func() error { return server.Serve(listener) }, nil)
}

func (s *Server) httpServer(handler http.Handler) *http.Server {
	return &http.Server{
		Handler: handler, ReadTimeout: readTimeout, ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout,
		ErrorLog: zap.NewStdLog(s.deps.Log.With(zap.String(logkeys.Component, "net/http"))),
	}
}

// until serves until ctx ends and then lets requests in flight finish, those of
// the lanes, if any, too.
func (s *Server) until(ctx context.Context, server *http.Server, serve func() error, ls *lanes) error {
	served := make(chan error, 1)
	go func() { served <- serve() }()
	var err error
	select {
	case failure := <-served:
		err = fmt.Errorf("serve: %w", failure)
		served <- failure
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.options.ShutdownTimeout)
	defer cancel()
	var late error
	if ls != nil {
		late = ls.end(grace)
	}
	if late = errors.Join(late, server.Shutdown(grace)); late != nil {
		err = errors.Join(err, fmt.Errorf("requests in flight did not finish: %w", late), server.Close())
	}
	<-served
	return err
}
