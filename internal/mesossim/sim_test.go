package mesossim

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler"
)

// deafListener accepts nothing: tests call the handler directly.
type deafListener struct {
	closed chan struct{}
	once   sync.Once
}

func (l *deafListener) Accept() (net.Conn, error) { <-l.closed; return nil, net.ErrClosed }
func (l *deafListener) Close() error              { l.once.Do(func() { close(l.closed) }); return nil }
func (l *deafListener) Addr() net.Addr            { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 5050} }

// cell is one emulated cluster in virtual time.
type cell struct {
	t      *testing.T
	sim    *Sim
	failed string // failed CHECK
}

// inCell runs a test in virtual time against a cluster with n agents.
func inCell(t *testing.T, n int, options Options, test func(c *cell)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c := &cell{t: t}
		options.Listen = func(string, string) (net.Listener, error) {
			return &deafListener{closed: make(chan struct{})}, nil
		}
		options.OnCheck = func(message string) { c.failed = message }
		options.Agents = append(options.Agents, make([]AgentSpec, n)...)
		var err error
		if c.sim, err = Start(context.Background(), options); err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := c.sim.Close(); err != nil {
				t.Error(err)
			}
		}()
		test(c)
	})
}

// client is a framework of a test.
type client struct {
	c      *cell
	id     string
	stream *stream
	events []*scheduler.Event // all that were sent
	offers []mesos.Offer      // outstanding, as far as events tell
}

const allCapabilities = `"capabilities":[{"type":"MULTI_ROLE"},{"type":"RESERVATION_REFINEMENT"},{"type":"PARTITION_AWARE"}]`

// subscribe opens a stream; more is further JSON of the framework info.
func (c *cell) subscribe(role, more string) *client {
	c.t.Helper()
	body := `{"type":"SUBSCRIBE","subscribe":{"framework_info":{"user":"root","name":"test","roles":["` + role + `"],` + allCapabilities + more + `}}}`
	if _, id, found := strings.Cut(more, `"id":{"value":"`); found {
		id, _, _ = strings.Cut(id, `"`)
		body = `{"framework_id":{"value":"` + id + `"},` + body[1:]
	}
	tree, err := parseJSON([]byte(body))
	if err != nil {
		c.t.Fatal(err)
	}
	var call scheduler.Call
	if err := decodeJSON(tree, &call); err != nil {
		c.t.Fatal(err)
	}
	f := &client{c: c, stream: newStream(mediaJSON)}
	c.sim.mu.Lock()
	c.sim.master.subscribe(call.Subscribe, f.stream)
	c.sim.mu.Unlock()
	f.read()
	if len(f.events) > 0 && f.events[0].Subscribed != nil {
		f.id = f.events[0].Subscribed.FrameworkID.Value
	}
	return f
}

// read takes over the events that were sent.
func (f *client) read() []*scheduler.Event {
	synctest.Wait()
	events, _, _ := f.stream.take()
	for _, event := range events {
		switch event.Type {
		case scheduler.Event_OFFERS:
			f.offers = append(f.offers, event.Offers.Offers...)
		case scheduler.Event_RESCIND:
			f.drop(event.Rescind.OfferID.Value)
		}
	}
	f.events = append(f.events, events...)
	return events
}

func (f *client) drop(offerID string) {
	f.offers = slices.DeleteFunc(f.offers, func(o mesos.Offer) bool { return o.ID.Value == offerID })
}

// call sends a scheduler call and returns the status and body of the answer.
func (f *client) call(kind, body string) (int, string) {
	f.c.t.Helper()
	if body != "" {
		body = "," + body
	}
	text := fmt.Sprintf(`{"type":%q,"framework_id":{"value":%q}%s}`, kind, f.id, body)
	return f.c.post("/api/v1/scheduler", text, map[string]string{streamIDHeader: f.stream.id})
}

// mustCall is call for one that is accepted.
func (f *client) mustCall(kind, body string) {
	f.c.t.Helper()
	if status, text := f.call(kind, body); status != http.StatusAccepted && status != http.StatusOK {
		f.c.t.Fatalf("%s: %d %s", kind, status, text)
	}
}

// post sends JSON to the master; status 0 stands for a broken connection.
func (c *cell) post(path, body string, headers map[string]string) (status int, answer string) {
	c.t.Helper()
	r := httptest.NewRequest(http.MethodPost, path, bytes.NewReader([]byte(body)))
	r.Header.Set("Content-Type", mediaJSON)
	for name, value := range headers {
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	defer func() {
		if broken := recover(); broken != nil {
			status, answer = 0, ""
		}
	}()
	c.sim.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

// operate sends an operator call and wants status.
func (c *cell) operate(status int, body string) map[string]any {
	c.t.Helper()
	got, answer := c.post("/api/v1", body, nil)
	if got != status {
		c.t.Fatalf("%s: want %d, got %d %s", body, status, got, answer)
	}
	var tree map[string]any
	_ = json.Unmarshal([]byte(answer), &tree) // errors are plain text
	return tree
}

// accept takes the first outstanding offer with operations.
func (f *client) accept(operations, filters string) {
	f.c.t.Helper()
	if len(f.offers) == 0 {
		f.c.t.Fatal("no offer to accept")
	}
	id := f.offers[0].ID.Value
	f.drop(id)
	f.mustCall("ACCEPT", fmt.Sprintf(`"accept":{"offer_ids":[{"value":%q}],"operations":[%s]%s}`, id, operations, filters))
}

const refuseNone = `,"filters":{"refuse_seconds":0}`

// reserve is a RESERVE or UNRESERVE of cpus for role with a pod's label.
func reserveOp(kind, id, role, pod string, cpus float64) string {
	field := strings.ToLower(kind)
	return fmt.Sprintf(`{"type":%q,"id":{"value":%q},%q:{"resources":[{"name":"cpus","type":"SCALAR","scalar":{"value":%v},"reservations":[{"type":"DYNAMIC","role":%q,"labels":{"labels":[{"key":"pod","value":%q}]}}]}]}}`,
		kind, id, field, cpus, role, pod)
}

// decline refuses the first outstanding offer.
func (f *client) decline(filters string) {
	f.c.t.Helper()
	id := f.offers[0].ID.Value
	f.drop(id)
	f.mustCall("DECLINE", fmt.Sprintf(`"decline":{"offer_ids":[{"value":%q}]%s}`, id, filters))
}

// kinds are the types of events, without heartbeats.
func kinds(events []*scheduler.Event) string {
	var out []string
	for _, event := range events {
		if event.Type != scheduler.Event_HEARTBEAT {
			out = append(out, event.Type.String())
		}
	}
	return strings.Join(out, " ")
}

// statuses are the states of operation statuses among events.
func statuses(events []*scheduler.Event) []mesos.OperationStatus {
	var out []mesos.OperationStatus
	for _, event := range events {
		if event.UpdateOperationStatus != nil {
			out = append(out, event.UpdateOperationStatus.Status)
		}
	}
	return out
}

// acknowledge answers an operation status.
func (f *client) acknowledge(status mesos.OperationStatus) {
	f.c.t.Helper()
	uuid, err := json.Marshal(status.UUID.Value)
	if err != nil {
		f.c.t.Fatal(err)
	}
	f.mustCall("ACKNOWLEDGE_OPERATION_STATUS", fmt.Sprintf(`"acknowledge_operation_status":{"agent_id":{"value":%q},"operation_id":{"value":%q},"uuid":%s}`,
		status.AgentID.Value, status.OperationID.Value, uuid))
}

// describe prints an offer's resources as Mesos does.
func describe(o mesos.Offer) string {
	return resources(resourcesFromProto(o.Resources)).allocate("").String()
}

// offered waits for an offer, at most for limit.
func (f *client) offered(limit time.Duration) time.Duration {
	start := time.Now()
	for f.read(); len(f.offers) == 0 && time.Since(start) < limit; f.read() {
		time.Sleep(10 * time.Millisecond)
	}
	if len(f.offers) == 0 {
		f.c.t.Fatalf("no offer within %v", limit)
	}
	return time.Since(start)
}
