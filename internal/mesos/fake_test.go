package mesos

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"testing"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/encoding"
	"github.com/mesos/mesos-go/api/v1/lib/encoding/framing"
	"github.com/mesos/mesos-go/api/v1/lib/recordio"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap/zaptest"
	"k8s.io/utils/clock"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

const heartbeatSeconds = 15.0

// fakeMaster is a scripted master. By default it subscribes everybody and
// answers 202 to the rest.
type fakeMaster struct {
	t *testing.T
	// answer, if set, may answer a request itself by returning true.
	answer func(w http.ResponseWriter, r *http.Request, call *scheduler.Call) bool
	// mute keeps SUBSCRIBED from being sent.
	mute bool

	mu      sync.Mutex // guards all below
	calls   []received
	streams []chan *scheduler.Event
}

// received is one call as the master saw it.
type received struct {
	call   *scheduler.Call
	header http.Header
	host   string
}

func (m *fakeMaster) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		m.t.Errorf("read call: %v", err)
	}
	codec, err := codecOf(r.Header.Get("Content-Type"))
	if err != nil {
		m.t.Errorf("call: %v", err)
		return
	}
	call := new(scheduler.Call)
	if err := unmarshal(codec, body, call); err != nil {
		m.t.Errorf("call: %v", err)
	}
	m.mu.Lock()
	m.calls = append(m.calls, received{call, r.Header, r.Host})
	m.mu.Unlock()
	if m.answer != nil && m.answer(w, r, call) {
		return
	}
	if call.Type == scheduler.Call_SUBSCRIBE {
		m.stream(w, r, codec, call)
		return
	}
	w.WriteHeader(http.StatusAccepted)
}

func (m *fakeMaster) stream(w http.ResponseWriter, r *http.Request, codec encoding.Codec, call *scheduler.Call) {
	events := make(chan *scheduler.Event, 16)
	m.mu.Lock()
	m.streams = append(m.streams, events)
	number := len(m.streams)
	m.mu.Unlock()
	id := call.GetFrameworkID().GetValue()
	if id == "" {
		id = "framework-1"
	}
	if !m.mute {
		events <- subscribedEvent(id)
	}
	w.Header().Set("Content-Type", codec.Type.ContentType())
	w.Header().Set(headerStreamID, fmt.Sprintf("stream-%d", number))
	w.WriteHeader(http.StatusOK)
	flush(w)
	encoder := codec.NewEncoder(func() framing.Writer { return recordio.NewWriter(w) })
	for {
		select {
		case <-r.Context().Done():
			return
		case event, open := <-events:
			if !open {
				return
			}
			if err := encoder.Encode(event); err != nil {
				m.t.Logf("event: %v", err)
				return
			}
			flush(w)
		}
	}
}

func flush(w http.ResponseWriter) {
	if f, ok := w.(http.Flusher); ok {
		f.Flush()
	}
}

func subscribedEvent(id string) *scheduler.Event {
	heartbeat, version, port := heartbeatSeconds, "1.12.0", uint32(5050)
	return &scheduler.Event{Type: scheduler.Event_SUBSCRIBED, Subscribed: &scheduler.Event_Subscribed{
		FrameworkID:              &mesos.FrameworkID{Value: id},
		HeartbeatIntervalSeconds: &heartbeat,
		MasterInfo:               &mesos.MasterInfo{ID: "m", Version: &version, Port: &port},
	}}
}

func errorEventOf(message string) *scheduler.Event {
	return &scheduler.Event{Type: scheduler.Event_ERROR, Error: &scheduler.Event_Error{Message: message}}
}

func heartbeatEvent() *scheduler.Event { return &scheduler.Event{Type: scheduler.Event_HEARTBEAT} }

// offersEvent offers one CPU of each agent to role k8s; agent and offer IDs
// come in pairs.
func offersEvent(pairs ...string) *scheduler.Event {
	list := new(scheduler.Event_Offers)
	role, kind := "k8s", mesos.SCALAR
	for pair := range slices.Chunk(pairs, 2) {
		list.Offers = append(list.Offers, mesos.Offer{
			ID: mesos.OfferID{Value: pair[1]}, AgentID: mesos.AgentID{Value: pair[0]}, Hostname: pair[0],
			AllocationInfo: &mesos.Resource_AllocationInfo{Role: &role},
			Resources: []mesos.Resource{{
				Name: "cpus", Type: &kind, Scalar: &mesos.Value_Scalar{Value: 1},
				AllocationInfo: &mesos.Resource_AllocationInfo{Role: &role},
			}},
		})
	}
	return &scheduler.Event{Type: scheduler.Event_OFFERS, Offers: list}
}

// send puts an event on the nth subscription, counted from 1.
func (m *fakeMaster) send(n int, events ...*scheduler.Event) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, event := range events {
		m.streams[n-1] <- event
	}
}

// hangUp closes the nth subscription.
func (m *fakeMaster) hangUp(n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	close(m.streams[n-1])
}

func (m *fakeMaster) seen() []received {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.calls)
}

// types lists the types of the calls seen.
func (m *fakeMaster) types() []string {
	var out []string
	for _, r := range m.seen() {
		out = append(out, r.call.Type.String())
	}
	return out
}

// diary is a Handler that writes down what it is told.
type diary struct {
	mu       sync.Mutex // guards all below
	lines    []string
	causes   []error
	offers   []*resources.Offer
	statuses []OperationStatus
	subs     []Subscription
}

func (d *diary) note(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, fmt.Sprintf(format, args...))
}

func (d *diary) read() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.lines)
}

func (d *diary) Subscribed(s Subscription) {
	d.note("subscribed %d %s", s.Generation, s.FrameworkID)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.subs = append(d.subs, s)
}

func (d *diary) Disconnected(generation uint64, cause error) {
	d.note("disconnected %d", generation)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.causes = append(d.causes, cause)
}

func (d *diary) Offers(generation uint64, offers []*resources.Offer) {
	for _, o := range offers {
		d.note("offer %d %s of %s", generation, o.ID, o.AgentID)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.offers = append(d.offers, offers...)
}

func (d *diary) OperationStatus(s OperationStatus) {
	d.note("status %s %s", s.OperationID, s.State)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.statuses = append(d.statuses, s)
}

func (d *diary) Rescind(generation uint64, id string) { d.note("rescind %d %s", generation, id) }

func (d *diary) InverseOffer(generation uint64, i InverseOffer) {
	d.note("inverse %d %s of %s for %s", generation, i.ID, i.AgentID, i.Maintenance.Duration)
}

func (d *diary) RescindInverseOffer(generation uint64, id string) {
	d.note("rescind inverse %d %s", generation, id)
}

func (d *diary) AgentLost(id string) { d.note("lost %s", id) }

// testConfig is a configuration for masters at the given host:port.
func testConfig(hosts ...string) Config {
	cfg := Config{Framework: FrameworkInfo{Name: "test", User: "root", Roles: []string{"k8s"}}}
	for _, host := range hosts {
		cfg.Masters = append(cfg.Masters, "http://"+host)
	}
	return cfg
}

func newTestClient(t *testing.T, cfg Config, net *network) *Client {
	t.Helper()
	c, err := newClient(cfg, zaptest.NewLogger(t), prometheus.NewRegistry(), clock.RealClock{}, net.dial)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// running is a Run in the background.
type running struct {
	cancel context.CancelFunc
	done   chan struct{}
	err    error // once done is closed
}

func start(t *testing.T, c *Client, frameworkID string, h Handler) *running {
	ctx, cancel := context.WithCancel(t.Context())
	r := &running{cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(r.done)
		r.err = c.Run(ctx, frameworkID, h)
	}()
	t.Cleanup(func() { cancel(); <-r.done })
	return r
}

func (r *running) ended() bool {
	select {
	case <-r.done:
		return true
	default:
		return false
	}
}

type nopCloser struct{ io.Reader }

func (nopCloser) Close() error { return nil }

func writeRecord(t *testing.T, w io.Writer, record []byte) {
	t.Helper()
	if err := recordio.NewWriter(w).WriteFrame(record); err != nil {
		t.Fatal(err)
	}
}
