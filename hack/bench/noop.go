package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	extenderv1 "k8s.io/kube-scheduler/extender/v1"
)

// noop is an extender that does nothing: what any extender written with
// encoding/json and net/http costs at least. It decodes the arguments, and gives
// all nodes back, or what it was told to answer.
type noop struct {
	answer atomic.Pointer[extenderv1.ExtenderFilterResult] // of /same
}

// nothing is an answer of the usual length.
var nothing = bytes.Repeat([]byte{' '}, 450)

// handler has /filter, /prioritize, /same, which answers what was last posted to
// /answer, /nothing, which reads the body as bytes, and /readyz.
func (n *noop) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /filter", func(w http.ResponseWriter, r *http.Request) {
		if args, ok := read[extenderv1.ExtenderArgs](w, r); ok {
			write(w, &extenderv1.ExtenderFilterResult{NodeNames: args.NodeNames})
		}
	})
	mux.HandleFunc("POST /prioritize", func(w http.ResponseWriter, r *http.Request) {
		args, ok := read[extenderv1.ExtenderArgs](w, r)
		if !ok {
			return
		}
		list := make(extenderv1.HostPriorityList, len(*args.NodeNames))
		for i, name := range *args.NodeNames {
			list[i] = extenderv1.HostPriority{Host: name}
		}
		write(w, list)
	})
	mux.HandleFunc("POST /same", func(w http.ResponseWriter, r *http.Request) {
		if _, ok := read[extenderv1.ExtenderArgs](w, r); ok {
			write(w, n.answer.Load())
		}
	})
	mux.HandleFunc("POST /answer", func(w http.ResponseWriter, r *http.Request) {
		if answer, ok := read[extenderv1.ExtenderFilterResult](w, r); ok {
			n.answer.Store(answer)
		}
	})
	mux.HandleFunc("POST /nothing", func(w http.ResponseWriter, r *http.Request) {
		body := make([]byte, r.ContentLength)
		if _, err := io.ReadFull(r.Body, body); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(nothing) // the caller sees what is missing
	})
	mux.HandleFunc("GET /readyz", func(http.ResponseWriter, *http.Request) {})
	return mux
}

func read[T any](w http.ResponseWriter, r *http.Request) (*T, bool) {
	value := new(T)
	if err := json.NewDecoder(r.Body).Decode(value); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return nil, false
	}
	return value, true
}

func write(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(value) // the caller sees what is missing
}

// serve serves until ctx ends.
func serve(ctx context.Context, address string, handler http.Handler) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}
	defer context.AfterFunc(ctx, func() { _ = server.Close() })()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
