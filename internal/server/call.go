package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
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

// call is one request to a verb, however it came.
type call struct {
	ctx     context.Context // of the caller: it ends when that hangs up, if that is noticed
	body    []byte
	memory  *buffers
	id      string
	verb    string
	outcome outcome
	logger  *zap.Logger // of the server
	started time.Time
	later   func() // done when the answer is on its way; nil: nothing
}

// log is the call's log. It is made when there is something to tell, which mostly
// is after the answer.
func (c *call) log() *zap.Logger {
	return c.logger.WithLazy(zap.String(logkeys.Verb, c.verb), zap.String(logkeys.RequestID, c.id))
}

// reply is what a call is answered with. Its body may lie in the call's memory.
type reply struct {
	status int
	media  string // content type
	body   []byte
	close  bool // the caller shall not use its connection again
}

// caller is where a call comes from: net/http, or a lane.
type caller interface {
	// identified reports whether the caller showed a certificate of the client CA.
	identified() bool
	// read reads the body whole, up to limit bytes, into c.
	read(c *call, limit int64) error
	// send returns when the reply is on its way.
	send(c *call, r reply) error
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

// route is a verb and what is counted of it.
type route struct {
	name   string
	answer verb
	in     verbMetrics
}

// serve answers one call. A panic costs this one call, on a lane too.
func (s *Server) serve(verb *route, c *call, from caller) {
	c.verb, c.logger, c.outcome, c.started = verb.name, s.deps.Log, done, s.deps.Clock.Now()
	defer func() {
		if cause := recover(); cause != nil {
			s.panicked(c, cause)
		}
	}()
	verb.in.inFlight.Inc()
	defer verb.in.inFlight.Dec()
	r := s.respond(verb, c, from)
	if err := from.send(c, r); err != nil {
		c.log().Debug("caller hung up", zap.Error(err))
	}
	verb.in.observe(c.outcome, s.deps.Clock.Since(c.started), len(c.body))
	if c.later != nil {
		c.later()
	}
}

// respond makes the reply. It is encoded whole before anything is sent, so that
// a failure can still be told.
func (s *Server) respond(verb *route, c *call, from caller) (r reply) {
	defer func() {
		if cause := recover(); cause != nil {
			s.panicked(c, cause)
			r = plain(http.StatusInternalServerError, "internal error, request "+c.id)
		}
	}()
	if err := s.admit(c, from); err != nil {
		return s.fail(c, err)
	}
	value, err := verb.answer(c)
	if err != nil {
		return s.fail(c, err)
	}
	return reply{status: http.StatusOK, media: "application/json", body: c.encode(value)}
}

// panicked counts and tells what a deferred function has recovered.
func (s *Server) panicked(c *call, cause any) {
	c.outcome = broken
	s.metrics.panics.Inc()
	c.log().Error("panic while answering", zap.Any(logkeys.Error, cause), zap.ByteString("stack", debug.Stack()))
}

// plain is a reply that humans read.
func plain(status int, text string) reply {
	return reply{status: status, media: "text/plain; charset=utf-8", body: []byte(text + "\n")}
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
func (s *Server) admit(c *call, from caller) error {
	if s.options.TLS.ClientCAFile != "" && !from.identified() {
		return &callError{http.StatusUnauthorized, noIdentity, "a client certificate is required"}
	}
	if !s.deps.Ready.Leading() {
		return &callError{http.StatusServiceUnavailable, notLeading, "this replica does not lead"}
	}
	limit := s.options.MaxBodyBytes
	err := from.read(c, limit)
	if over := (*http.MaxBytesError)(nil); errors.As(err, &over) {
		return &callError{http.StatusRequestEntityTooLarge, tooLarge,
			fmt.Sprintf("the body is larger than server.maxBodyBytes, %d", limit)}
	}
	if err != nil {
		return &callError{http.StatusBadRequest, interrupted, "the body could not be read"}
	}
	return nil
}

// fail answers with an error's text: kube-scheduler reads only the status, a
// human reads the text.
func (s *Server) fail(c *call, err error) reply {
	refusal := &callError{http.StatusInternalServerError, broken, "internal error, request " + c.id}
	errors.As(err, &refusal)
	c.outcome = refusal.outcome
	r := plain(refusal.status, refusal.text)
	level := c.log().Info
	if refusal.outcome == notLeading {
		level = c.log().Debug // a standby is asked all the time
		// A connection that is kept alive would go on asking the wrong replica.
		r.close = true
	}
	level("call refused", zap.String(logkeys.Outcome, string(c.outcome)), zap.Error(err))
	return r
}
