package mesossim

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// session is one replay of one recording against one emulated cluster.
type session struct {
	rec     *recording
	cluster *cluster
	client  *http.Client
	ids     *idMap
	streams map[string]*eventStream
	quota   bool // a quota limit was set: see comparer.looseResources

	principals []string // of the credentials, in the order in which the recording names them
	secrets    map[string]string
	streamAuth map[string]string // stream → Authorization with which it was opened

	began time.Time     // the start of the replay: t=0 of the recording, at first
	timer timer         // the recorded master's
	shift time.Duration // by how much the replay lags behind the recording
	past  []*recordedLine

	deathTold bool // the recording tells that the master which now runs died

	chain time.Duration // lateness of the last event since the client last did something

	diffs  []difference
	trace  []string // see -transcripts.trace
	counts struct{ calls, events, operators, actions int }
}

// difference is one thing that was not as recorded.
type difference struct {
	line    int           // of the recording; 0 if it concerns none
	at      time.Duration // when, by the recording's clock
	message string
}

func (d difference) String() string {
	if d.line == 0 {
		return d.message
	}
	return fmt.Sprintf("line %d: %s", d.line, d.message)
}

func (s *session) differ(l *recordedLine, format string, args ...any) {
	d := difference{message: fmt.Sprintf(format, args...), at: s.rec.end}
	if l != nil {
		d.line, d.at = l.number, l.at
	}
	s.diffs = append(s.diffs, d)
}

// due is when something recorded at t is expected in this run.
func (s *session) due(t time.Duration) time.Time { return s.began.Add(s.clock(t) + s.shift) }

// clock turns a recorded time into one of the replay's clock.
func (s *session) clock(t time.Duration) time.Duration { return scale(t, s.timer.period) }

// run goes through the recording from top to bottom: it does what a line tells, and waits for what a line expects.
func (s *session) run() {
	s.principals, s.secrets = s.rec.credentials()
	s.streamAuth = map[string]string{}
	s.streams = map[string]*eventStream{}
	for _, l := range s.rec.lines {
		if l.drives() {
			time.Sleep(time.Until(s.due(l.sentAt())))
			s.chain = 0
		}
		s.play(l)
		s.past = append(s.past, l)
	}
	time.Sleep(time.Until(s.due(s.rec.end)))
	s.compareRest()
	s.compareEnds()
	s.compareHeartbeats()
	if died := s.cluster.died(); died != "" && !s.deathTold {
		s.differ(nil, "the master died, which is not recorded: %s", died)
	}
}

func (s *session) play(l *recordedLine) {
	switch l.Kind {
	case kindCall:
		s.counts.calls++
		s.call(l)
	case kindOperator:
		s.counts.operators++
		s.operate(l)
	case kindEvent:
		s.counts.events++
		s.expectEvent(l)
	case kindClosed:
		s.expectClosed(l)
	case kindNote:
		if l.action != nil {
			s.counts.actions++
			l.action.do(s, l)
		}
	}
}

// callTimeout is how long an answer may take; every recorded one came within half a second.
const callTimeout = 2 * time.Second

func (s *session) call(l *recordedLine) {
	request, err := s.requestOf(l)
	if err != nil {
		s.differ(l, "cannot send the call: %v", err)
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	timeout := time.AfterFunc(callTimeout, cancel)
	response, err := s.client.Do(request.WithContext(ctx))
	timeout.Stop()
	if err != nil {
		cancel()
		s.compareBroken(l, err)
		return
	}
	if l.OpensStream != "" && response.StatusCode == http.StatusOK {
		s.compareOpened(l, response)
		return
	}
	defer cancel()
	body, err := readBody(response)
	if err != nil {
		s.compareBroken(l, err)
		return
	}
	s.compareResponse(l, response, body)
}

// compareBroken is for a call that got no response: right if the recorded one did not either.
func (s *session) compareBroken(l *recordedLine, err error) {
	switch {
	case errors.Is(err, context.Canceled):
		s.differ(l, "no response within %v", callTimeout)
	case l.response.Status != nil:
		s.differ(l.response, "want status %d, got %v", *l.response.Status, err)
	}
}

// compareOpened takes the response to a SUBSCRIBE that opened a stream. The stream lives until it is closed.
func (s *session) compareOpened(l *recordedLine, response *http.Response) {
	want := l.response
	if want.Status == nil || *want.Status != http.StatusOK {
		body, _ := readBody(response)
		s.compareResponse(l, response, body)
		return
	}
	s.compareHeaders(want, want.Headers, response, nil)
	s.streams[l.OpensStream] = openStream(l.OpensStream, response, s.began)
}

func (s *session) compareResponse(l *recordedLine, response *http.Response, body []byte) {
	want := l.response
	switch {
	case want.Status == nil:
		s.differ(want, "want a broken connection (%s), got status %d %q", want.Error, response.StatusCode, body)
		return
	case *want.Status != response.StatusCode:
		s.differ(want, "want status %d %s, got %d %q", *want.Status, s.ids.translate(string(want.Body)), response.StatusCode, body)
		return
	}
	s.compareHeaders(want, want.Headers, response, body)
	s.compareBody(want, want.Body, body, s.comparer(want))
}

// compareBody compares a response body: JSON with JSON, text with text.
func (s *session) compareBody(l *recordedLine, want json.RawMessage, got []byte, c *comparer) {
	var wantBody, gotBody any
	if err := json.Unmarshal(want, &wantBody); err != nil {
		s.differ(l, "recorded body: %v", err)
		return
	}
	if _, isText := wantBody.(string); isText {
		gotBody = string(got)
	} else if err := json.Unmarshal(got, &gotBody); err != nil {
		s.differ(l, "want %s, got %q", s.ids.translate(compact(wantBody)), got)
		return
	}
	c.compare("body", wantBody, gotBody)
	for _, d := range c.diffs {
		s.differ(l, "%s", d)
	}
}

func (s *session) comparer(l *recordedLine) *comparer {
	return &comparer{ids: s.ids, trimmed: l.Trimmed, looseResources: s.quota}
}

func (s *session) operate(l *recordedLine) {
	request, err := s.operatorRequest(l)
	if err != nil {
		s.differ(l, "cannot send the request: %v", err)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	response, err := s.client.Do(request.WithContext(ctx))
	if err != nil {
		s.differ(l, "want status %d, got %v", *l.Status, err)
		return
	}
	body, err := readBody(response)
	if err != nil {
		s.differ(l, "body: %v", err)
		return
	}
	s.quota = s.quota || l.callType() == "UPDATE_QUOTA"
	if l.Status == nil || *l.Status != response.StatusCode {
		s.differ(l, "want status %d %s, got %d %q", *l.Status, s.ids.translate(string(l.Response)), response.StatusCode, body)
		return
	}
	if l.Headers != nil {
		s.compareHeaders(l, l.Headers, response, body)
	}
	s.compareBody(l, l.Response, body, s.comparer(l))
}

// expectClosed closes a stream, or waits for the server to do so.
func (s *session) expectClosed(l *recordedLine) {
	stream := s.streams[l.Stream]
	if stream == nil {
		s.differ(l, "stream %s was never open", l.Stream)
		return
	}
	if l.By == "client" {
		stream.close()
		return
	}
	if !stream.awaitEnd(s.due(l.at + closeTolerance)) {
		s.differ(l, "stream %s: want it closed by the server, it is open", l.Stream)
	}
}
