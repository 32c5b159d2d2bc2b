package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/mesos/mesos-go/api/v1/lib/scheduler"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/mesossim"
)

// recording is what the emulated master sends after a SUBSCRIBE, in RecordIO.
type recording struct {
	subscribed []byte
	offers     []byte // all OFFERS events
}

// capture records a subscription to an emulated cluster, in protobuf.
func capture(ctx context.Context, agents int) (*recording, error) {
	specs := make([]mesossim.AgentSpec, agents)
	for i := range specs {
		specs[i] = mesossim.AgentSpec{
			Hostname: nodeName(i), Attributes: fmt.Sprintf("rack:r%d;disk:ssd", i/40), Domain: "eu-1/eu-1a",
		}
	}
	sim, err := mesossim.Start(ctx, mesossim.Options{Agents: specs})
	if err != nil {
		return nil, err
	}
	s, err := subscribe(ctx, sim.URL(), agents)
	return s, errors.Join(err, sim.Close())
}

const subscribeCall = `{"type":"SUBSCRIBE","subscribe":{"framework_info":{"user":"root","name":"bench","roles":["kubernetes"],` +
	`"capabilities":[{"type":"MULTI_ROLE"},{"type":"RESERVATION_REFINEMENT"},{"type":"PARTITION_AWARE"},{"type":"REGION_AWARE"}]}}}`

func subscribe(ctx context.Context, url string, agents int) (*recording, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/api/v1/scheduler", strings.NewReader(subscribeCall))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "application/x-protobuf")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close() //nolint:errcheck // it is endless
	s, in := &recording{}, bufio.NewReader(response.Body)
	for seen := 0; seen < agents; {
		record, event, err := nextEvent(in)
		if err != nil {
			return nil, err
		}
		switch event.Type {
		case scheduler.Event_SUBSCRIBED:
			s.subscribed = record
		case scheduler.Event_OFFERS:
			s.offers = append(s.offers, record...)
			seen += len(event.Offers.Offers)
		}
	}
	return s, nil
}

// nextEvent reads one record, and returns it with its length line.
func nextEvent(in *bufio.Reader) (record []byte, event *scheduler.Event, err error) {
	head, err := in.ReadBytes('\n')
	if err != nil {
		return nil, nil, err
	}
	size, err := strconv.Atoi(string(bytes.TrimSpace(head)))
	if err != nil {
		return nil, nil, err
	}
	record = append(make([]byte, 0, len(head)+size), head...)
	record = record[:len(head)+size]
	if _, err := io.ReadFull(in, record[len(head):]); err != nil {
		return nil, nil, err
	}
	event = new(scheduler.Event)
	return record, event, event.Unmarshal(record[len(head):])
}

// replay is a master that sends a recording to whoever subscribes, and knows no
// other calls.
type replay struct {
	server *httptest.Server
	end    chan struct{}
	close  func()

	mu    sync.Mutex
	asked time.Time // when the SUBSCRIBE came
}

func newReplay(s *recording) *replay {
	r := &replay{end: make(chan struct{})}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/v1/scheduler", func(w http.ResponseWriter, request *http.Request) {
		if request.Header.Get("Mesos-Stream-Id") != "" {
			w.WriteHeader(http.StatusAccepted)
			return
		}
		runtime.GC() // of what the list of nodes left, as before the reference
		r.mu.Lock()
		r.asked = time.Now()
		r.mu.Unlock()
		w.Header().Set("Content-Type", "application/x-protobuf")
		w.Header().Set("Mesos-Stream-Id", "replay")
		for _, part := range [][]byte{s.subscribed, s.offers} {
			_, _ = w.Write(part) // a client that hung up has failed anyway
		}
		_ = http.NewResponseController(w).Flush()
		select {
		case <-r.end:
		case <-request.Context().Done():
		}
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "not part of the recording", http.StatusServiceUnavailable)
	})
	r.server = httptest.NewServer(mux)
	r.close = sync.OnceFunc(func() { close(r.end); r.server.Close() })
	return r
}

// measure returns the seconds from the SUBSCRIBE until done.
func (r *replay) measure(ctx context.Context, done func() bool) (float64, error) {
	deadline := time.Now().Add(time.Minute)
	for time.Now().Before(deadline) && ctx.Err() == nil {
		time.Sleep(5 * time.Millisecond) // asking costs a tenth of a millisecond
		r.mu.Lock()
		asked := r.asked
		r.mu.Unlock()
		if !asked.IsZero() && done() {
			return time.Since(asked).Seconds(), nil
		}
	}
	return 0, errors.Join(ctx.Err(), errors.New("the offers were not taken in within a minute"))
}
