package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime/debug"
	"strconv"
	"time"

	"go.uber.org/zap"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/logkeys"
)

// outcome is how a call ended, for metrics and logs.
type outcome string

const (
	done        outcome = "ok"
	refused     outcome = "refused"     // no node fits, or the bind failed
	foreign     outcome = "foreign"     // a pod of another scheduler, passed through
	badPod      outcome = "bad_pod"     // told in the result's error
	badRequest  outcome = "bad_request" // 400
	tooLarge    outcome = "too_large"   // 413
	noIdentity  outcome = "no_identity" // 401
	notLeading  outcome = "not_leading" // 503
	interrupted outcome = "interrupted" // the body did not arrive
	broken      outcome = "panic"       // 500
)

// call is one request to a verb.
type call struct {
	request *http.Request
	body    []byte
	memory  *buffers
	id      string
	outcome outcome
	log     *zap.Logger
	started time.Time
	later   func() // done when the answer is on its way; nil: nothing
}

// verb answers a call with a value to be encoded as JSON, which may be an
// appender, or with a *callError.
type verb func(*call) (answer any, err error)

// callError refuses a call as a whole.
type callError struct {
	status  int
	outcome outcome
	text    string // for the caller
}

func (e *callError) Error() string { return e.text }

func malformed(format string, args ...any) error {
	return &callError{http.StatusBadRequest, badRequest, fmt.Sprintf(format, args...)}
}

// verbHandler wraps a verb in everything the verbs have in common.
func (s *Server) verbHandler(name string, answer verb) http.Handler {
	in := s.metrics.verb(name)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := &call{request: r, id: s.ids.of(r), outcome: done, started: s.deps.Clock.Now(), memory: pool.Get().(*buffers)}
		defer c.memory.release()
		c.log = s.deps.Log.WithLazy(zap.String(logkeys.Verb, name), zap.String(logkeys.RequestID, c.id))
		w.Header().Set(requestIDHeader, c.id)
		in.inFlight.Inc()
		defer in.inFlight.Dec()
		// Counted also where respond panics on.
		defer func() { in.observe(c.outcome, s.deps.Clock.Since(c.started), len(c.body)) }()
		s.respond(w, c, answer)
	})
}

// respond runs the verb and writes its answer. A panic costs this one call.
func (s *Server) respond(w http.ResponseWriter, c *call, answer verb) {
	defer func() {
		cause := recover()
		if cause == nil {
			return
		}
		c.outcome = broken
		s.metrics.panics.Inc()
		c.log.Error("panic while answering", zap.Any(logkeys.Error, cause), zap.ByteString("stack", debug.Stack()))
		http.Error(w, "internal error, request "+c.id, http.StatusInternalServerError)
	}()
	if err := s.admit(w, c); err != nil {
		s.fail(w, c, err)
		return
	}
	value, err := answer(c)
	if err != nil {
		s.fail(w, c, err)
		return
	}
	// Encoded before anything is written, so that a failure can still be told.
	encoded := c.encode(value)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(encoded)))
	if _, err := w.Write(encoded); err != nil {
		c.log.Debug("caller hung up", zap.Error(err))
	}
	if c.later != nil {
		_ = http.NewResponseController(w).Flush() // what cannot flush sends it afterwards
		c.later()
	}
}

func (c *call) encode(value any) []byte {
	if own, ok := value.(appender); ok {
		c.memory.answer = own.appendJSON(c.memory.answer)
		return c.memory.answer
	}
	encoded, err := json.Marshal(value)
	if err != nil {
		panic(fmt.Errorf("encode answer: %w", err))
	}
	return encoded
}

// admit checks the caller and reads the body.
func (s *Server) admit(w http.ResponseWriter, c *call) error {
	if s.options.TLS.ClientCAFile != "" && !identified(c.request) {
		return &callError{http.StatusUnauthorized, noIdentity, "a client certificate is required"}
	}
	if !s.deps.Ready.Leading() {
		return &callError{http.StatusServiceUnavailable, notLeading, "this replica does not lead"}
	}
	return c.readBody(w, s.options.MaxBodyBytes)
}

// readBody reads the body whole, up to limit bytes.
func (c *call) readBody(w http.ResponseWriter, limit int64) (err error) {
	large := &callError{http.StatusRequestEntityTooLarge, tooLarge,
		fmt.Sprintf("the body is larger than server.maxBodyBytes, %d", limit)}
	switch {
	case c.request.ContentLength > limit:
		return large
	case c.request.ContentLength >= 0:
		err = c.memory.read(c.request)
		c.body = c.memory.body
	default:
		c.body, err = io.ReadAll(http.MaxBytesReader(w, c.request.Body, limit))
	}
	if over := (*http.MaxBytesError)(nil); errors.As(err, &over) {
		return large
	}
	if err != nil {
		return &callError{http.StatusBadRequest, interrupted, "the body could not be read"}
	}
	return nil
}

// fail answers with an error's text as plain text: kube-scheduler reads only
// the status, a human reads the text.
func (s *Server) fail(w http.ResponseWriter, c *call, err error) {
	refusal := &callError{http.StatusInternalServerError, broken, "internal error, request " + c.id}
	errors.As(err, &refusal)
	c.outcome = refusal.outcome
	level := c.log.Info
	if refusal.outcome == notLeading {
		level = c.log.Debug // a standby is asked all the time
		// A connection that is kept alive would go on asking the wrong replica.
		w.Header().Set("Connection", "close")
	}
	level("call refused", zap.String(logkeys.Outcome, string(c.outcome)), zap.Error(err))
	http.Error(w, refusal.text, refusal.status)
}
