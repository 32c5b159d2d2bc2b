package mesossim

import (
	"strconv"
	"sync"

	"github.com/google/uuid"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler"
)

// Media types of the v1 API.
const (
	mediaJSON     = "application/json"
	mediaProtobuf = "application/x-protobuf"
)

// stream is one subscription's events on their way to the client. The master
// adds events and never waits; the HTTP handler that owns the connection takes
// them.
type stream struct {
	id    string
	media string

	mu      sync.Mutex
	events  []*scheduler.Event
	ended   bool // no more events; close after those in events
	aborted bool // break the connection at once
	signal  chan struct{}
}

func newStream(media string) *stream {
	return &stream{id: uuid.NewString(), media: media, signal: make(chan struct{}, 1)}
}

func (st *stream) send(event *scheduler.Event) {
	st.mu.Lock()
	if !st.ended {
		st.events = append(st.events, event)
	}
	st.mu.Unlock()
	st.notify()
}

// end closes the stream once its events are written.
func (st *stream) end() {
	st.mu.Lock()
	st.ended = true
	st.mu.Unlock()
	st.notify()
}

// abort breaks the connection as a crash does.
func (st *stream) abort() {
	st.mu.Lock()
	st.ended, st.aborted, st.events = true, true, nil
	st.mu.Unlock()
	st.notify()
}

func (st *stream) notify() {
	select {
	case st.signal <- struct{}{}:
	default:
	}
}

// take returns what is to be written next.
func (st *stream) take() (events []*scheduler.Event, ended, aborted bool) {
	st.mu.Lock()
	defer st.mu.Unlock()
	events, st.events = st.events, nil
	return events, st.ended, st.aborted
}

// frame encodes an event as one RecordIO record.
func (st *stream) frame(event *scheduler.Event) ([]byte, error) {
	if st.media == mediaJSON {
		data := encodeJSON(event)
		return append(recordHead(len(data)), data...), nil
	}
	size := event.Size()
	out := recordHead(size)
	n, err := event.MarshalTo(out[len(out) : len(out)+size])
	if err != nil {
		return nil, err
	}
	return out[:len(out)+n], nil
}

// recordHead starts a RecordIO record, with room for its data.
func recordHead(size int) []byte {
	return append(strconv.AppendInt(make([]byte, 0, size+16), int64(size), 10), '\n')
}
