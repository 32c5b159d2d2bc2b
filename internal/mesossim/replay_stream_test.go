package mesossim

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// eventStream is the client's end of one subscription.
type eventStream struct {
	label    string
	id       string // Mesos-Stream-Id
	response *http.Response
	protobuf bool
	began    time.Time // the start of the replay's clock

	masterGone bool // its master died or was killed

	mu      sync.Mutex
	items   []*item
	hosts   hosts
	batches int
	broken  error         // what was wrong with the framing or an event
	closed  chan struct{} // closed when the stream has ended
	endedAt time.Duration
	news    chan struct{} // gets a value when items or closed changed
}

func openStream(label string, response *http.Response, began time.Time) *eventStream {
	s := &eventStream{
		label: label, response: response, began: began,
		id:       response.Header.Get("Mesos-Stream-Id"),
		protobuf: response.Header.Get("Content-Type") == "application/x-protobuf",
		hosts:    hosts{}, closed: make(chan struct{}), news: make(chan struct{}, 1),
	}
	go s.receive()
	return s
}

// receive reads RecordIO until the stream ends.
func (s *eventStream) receive() {
	reader := bufio.NewReader(s.response.Body)
	for {
		frame, err := readFrame(reader)
		if err != nil {
			s.ended(err)
			return
		}
		if err := s.add(frame); err != nil {
			s.ended(err)
			return
		}
	}
}

// readFrame returns one whole record: decimal length, newline, message.
func readFrame(reader *bufio.Reader) ([]byte, error) {
	header, err := reader.ReadString('\n')
	if err != nil {
		return nil, err
	}
	length, err := strconv.Atoi(strings.TrimSuffix(header, "\n"))
	if err != nil || length < 0 {
		return nil, fmt.Errorf("length line %q", header)
	}
	frame := make([]byte, len(header)+length)
	copy(frame, header)
	_, err = io.ReadFull(reader, frame[len(header):])
	return frame, err
}

func (s *eventStream) add(frame []byte) error {
	var event any
	var err error
	if s.protobuf {
		event, err = decodeProtobufFrame(frame)
	} else {
		err = json.Unmarshal(frame[strings.IndexByte(string(frame), '\n')+1:], &event)
	}
	if err != nil {
		return fmt.Errorf("event %q: %w", frame, err)
	}
	s.mu.Lock()
	s.batches++
	for _, it := range itemsOf(event, time.Since(s.began)) {
		it.batch, it.first = s.batches, s.batches == 2 && it.typ == "HEARTBEAT"
		if s.protobuf {
			it.frame = frame
		}
		s.hosts.note(it)
		s.items = append(s.items, it)
	}
	s.mu.Unlock()
	s.notify()
	return nil
}

func (s *eventStream) ended(err error) {
	s.mu.Lock()
	s.endedAt = time.Since(s.began)
	if strings.Contains(err.Error(), "length line") || strings.HasPrefix(err.Error(), "event ") {
		s.broken = err
	}
	s.mu.Unlock()
	close(s.closed)
	s.notify()
}

func (s *eventStream) notify() {
	select {
	case s.news <- struct{}{}:
	default:
	}
}

func (s *eventStream) hasEnded() bool {
	select {
	case <-s.closed:
		return true
	default:
		return false
	}
}

// untaken returns the items not yet paired, in the order they came.
func (s *eventStream) untaken() []*item {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []*item
	for _, it := range s.items {
		if !it.taken {
			out = append(out, it)
		}
	}
	return out
}

// beats are the times at which HEARTBEATs came.
func (s *eventStream) beats() (times []time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, it := range s.items {
		if it.typ == "HEARTBEAT" {
			times = append(times, it.at)
		}
	}
	return times
}

// defect is what was wrong with the framing or an event, nil if nothing was.
func (s *eventStream) defect() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.broken
}

// end is when the stream ended.
func (s *eventStream) end() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.endedAt
}

// await returns what find returns as soon as that is not nil, or nil when until has passed or the stream has ended.
func (s *eventStream) await(until time.Time, find func([]*item) *item) *item {
	timer := time.NewTimer(time.Until(until))
	defer timer.Stop()
	for {
		ended := s.hasEnded()
		if it := find(s.untaken()); it != nil || ended {
			return it
		}
		select {
		case <-s.news:
		case <-timer.C:
			return find(s.untaken())
		}
	}
}

// awaitEnd waits for the server to close the stream.
func (s *eventStream) awaitEnd(until time.Time) bool {
	timer := time.NewTimer(time.Until(until))
	defer timer.Stop()
	select {
	case <-s.closed:
		return true
	case <-timer.C:
		return s.hasEnded()
	}
}

// close ends the stream from the client's side.
func (s *eventStream) close() {
	_ = s.response.Body.Close()
	<-s.closed
}
