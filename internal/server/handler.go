package server

import (
	"io"
	"net/http"
	"strconv"
)

// handlerOf serves a verb to net/http.
func (s *Server) handlerOf(verb *route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := &call{ctx: r.Context(), id: s.ids.of(r.Header.Get(requestIDHeader)), memory: takeBuffers()}
		defer c.memory.release()
		s.serve(verb, c, &exchange{w, r})
	})
}

// exchange is a caller whose request net/http has read.
type exchange struct {
	w http.ResponseWriter
	r *http.Request
}

func (e *exchange) identified() bool { return identified(e.r) }

func (e *exchange) read(c *call, limit int64) (err error) {
	switch length := e.r.ContentLength; {
	case length > limit:
		return &http.MaxBytesError{Limit: limit}
	case length >= 0:
		err = c.memory.read(e.r.Body, int(length))
		c.body = c.memory.body
	default:
		c.body, err = io.ReadAll(http.MaxBytesReader(e.w, e.r.Body, limit))
	}
	return err
}

func (e *exchange) send(c *call, r reply) error {
	header := e.w.Header()
	header.Set(requestIDHeader, c.id)
	header.Set("Content-Type", r.media)
	header.Set("Content-Length", strconv.Itoa(len(r.body)))
	if r.close {
		header.Set("Connection", "close")
	}
	e.w.WriteHeader(r.status)
	_, err := e.w.Write(r.body)
	_ = http.NewResponseController(e.w).Flush() // what cannot flush sends it afterwards
	return err
}
