package mesossim

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/mesos/mesos-go/api/v1/lib/scheduler"
)

// streamIDHeader names the subscription that a call belongs to.
const streamIDHeader = "Mesos-Stream-Id"

// answer is an HTTP response of the master.
type answer struct {
	status  int
	media   string // "" for plain text
	body    []byte
	headers map[string]string
	abort   bool    // break the connection instead
	stream  *stream // events follow
}

func textAnswer(status int, format string, args ...any) answer {
	return answer{status: status, body: fmt.Appendf(nil, format, args...)}
}

func accepted() answer { return answer{status: http.StatusAccepted} }

func methodNotAllowed(method string) answer {
	a := textAnswer(http.StatusMethodNotAllowed, "405 Method Not Allowed. Expecting one of { 'POST' }, but received '%s'.", method)
	a.headers = map[string]string{"Allow": http.MethodPost}
	return a
}

// ServeHTTP is the master's HTTP face, and the control API below /sim/.
func (s *Sim) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/sim/") {
		s.control(w, r)
		return
	}
	path := strings.TrimPrefix(r.URL.Path, "/master")
	if path == "/api/v1/scheduler" {
		s.write(w, r, s.schedulerCall(r))
		return
	}
	if path == "/api/v1" || strings.HasPrefix(path, "/api/v1/") {
		s.write(w, r, s.operatorCall(r))
		return
	}
	s.write(w, r, s.endpoint(strings.TrimSuffix(path, ".json"), r))
}

func (s *Sim) write(w http.ResponseWriter, r *http.Request, a answer) {
	if a.abort {
		panic(http.ErrAbortHandler)
	}
	for name, value := range a.headers {
		w.Header().Set(name, value)
	}
	switch {
	case a.media != "":
		w.Header().Set("Content-Type", a.media)
	case len(a.body) > 0:
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	}
	if a.stream != nil {
		w.Header().Set(streamIDHeader, a.stream.id)
		w.WriteHeader(a.status)
		s.pump(w, r, a.stream)
		return
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body) // a client that has gone away is no error of ours
}

// pump writes the events of a stream until it ends or the client goes away.
func (s *Sim) pump(w http.ResponseWriter, r *http.Request, st *stream) {
	flusher := http.NewResponseController(w)
	_ = flusher.Flush() // headers first; errors show in the writes below
	for {
		events, ended, aborted := st.take()
		if aborted {
			panic(http.ErrAbortHandler)
		}
		if err := writeEvents(w, st, events); err != nil {
			s.streamLost(st)
			return
		}
		if err := flusher.Flush(); err != nil || ended {
			s.streamLost(st)
			return
		}
		select {
		case <-st.signal:
		case <-r.Context().Done():
			s.streamLost(st)
			return
		}
	}
}

func writeEvents(w io.Writer, st *stream, events []*scheduler.Event) error {
	for _, event := range events {
		frame, err := st.frame(event)
		if err != nil {
			return fmt.Errorf("encode %s: %w", event.Type, err)
		}
		if _, err := w.Write(frame); err != nil {
			return fmt.Errorf("write %s: %w", event.Type, err)
		}
	}
	return nil
}

// streamLost handles a connection that ended: the framework on it, if it still
// is the one, is disconnected.
func (s *Sim) streamLost(st *stream) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.master == nil || s.master.stopped {
		return
	}
	for _, fw := range s.master.frameworks {
		if fw.stream == st {
			s.master.disconnected(fw)
			return
		}
	}
}

// gate is what every API call passes first: credentials, the leader, recovery.
func (s *Sim) gate(r *http.Request, realm string, required bool) (principal *string, refused *answer) {
	principal, ok := s.authenticate(r, required)
	if !ok {
		a := textAnswer(http.StatusUnauthorized, "401 Unauthorized.")
		a.headers = map[string]string{"WWW-Authenticate": `Basic realm="` + realm + `"`}
		return nil, &a
	}
	if s.options.RedirectTo != "" {
		return nil, &answer{
			status:  http.StatusTemporaryRedirect,
			headers: map[string]string{"Location": "//" + s.options.RedirectTo + r.URL.Path},
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.master == nil || s.master.stopped:
		return nil, &answer{abort: true}
	case time.Now().Before(s.master.ready):
		a := textAnswer(http.StatusServiceUnavailable, "Master has not finished recovery")
		return nil, &a
	case r.Method != http.MethodPost:
		a := methodNotAllowed(r.Method)
		return nil, &a
	}
	return principal, nil
}

// authenticate returns the principal of the request, nil when authentication
// is off.
func (s *Sim) authenticate(r *http.Request, required bool) (*string, bool) {
	if !required {
		return nil, true
	}
	principal, secret, ok := r.BasicAuth()
	if want, known := s.flags.credentials[principal]; !ok || !known || want != secret {
		return nil, false
	}
	return &principal, true
}

// errTooLong limits bodies to what tests need.
var errTooLong = errors.New("body too long")

const maxBody = 64 << 20

func requestBody(r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err == nil && len(body) > maxBody {
		err = errTooLong
	}
	return body, err
}

// acceptsMedia reports whether the Accept header allows a media type.
func acceptsMedia(r *http.Request, media string) bool {
	header := r.Header.Get("Accept")
	if header == "" {
		return true
	}
	for part := range strings.SplitSeq(header, ",") {
		name, _, _ := strings.Cut(part, ";")
		switch strings.TrimSpace(name) {
		case media, "*/*", "application/*":
			return true
		}
	}
	return false
}

// acceptedMedia picks JSON before protobuf, as the master does.
func acceptedMedia(r *http.Request) (string, bool) {
	for _, media := range []string{mediaJSON, mediaProtobuf} {
		if acceptsMedia(r, media) {
			return media, true
		}
	}
	return "", false
}
