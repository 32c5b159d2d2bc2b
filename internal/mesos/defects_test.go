package mesos

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/extras/scheduler/controller"
	"github.com/mesos/mesos-go/api/v1/lib/extras/scheduler/offers"
	"github.com/mesos/mesos-go/api/v1/lib/httpcli"
	"github.com/mesos/mesos-go/api/v1/lib/httpcli/httpsched"
	"github.com/mesos/mesos-go/api/v1/lib/recordio"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler/calls"

	libresources "github.com/mesos/mesos-go/api/v1/lib/resources"
)

// The tests in this file prove defects of mesos-go v0.0.11 that this package
// works around. One that fails after an upgrade means that a workaround may go.

// scripted is a master for the library's client, without a network.
type scripted func(req *http.Request, call *scheduler.Call) *http.Response

func (s scripted) do(req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	call := new(scheduler.Call)
	if err := unmarshal(selectCodec(false), body, call); err != nil {
		return nil, err
	}
	if resp := s(req, call); resp != nil {
		return resp, nil
	}
	<-req.Context().Done()
	return nil, req.Context().Err()
}

func answer(code int, body io.Reader, header ...string) *http.Response {
	resp := &http.Response{StatusCode: code, Header: http.Header{}, Body: io.NopCloser(body), ContentLength: -1}
	for i := 0; i < len(header); i += 2 {
		resp.Header.Set(header[i], header[i+1])
	}
	return resp
}

// silentStream answers SUBSCRIBE with a stream on which nothing comes.
func silentStream() *http.Response {
	silence, _ := io.Pipe()
	return answer(http.StatusOK, silence, "Content-Type", "application/x-protobuf", headerStreamID, "s")
}

func libraryCaller(s scripted) calls.Caller {
	return httpsched.NewCaller(httpcli.New(httpcli.Endpoint("http://old:5050/api/v1/scheduler"), httpcli.Do(s.do)))
}

func librarySubscribe(t *testing.T, caller calls.Caller) mesos.Response {
	t.Helper()
	resp, err := caller.Call(t.Context(), testConfig("old:5050").Framework.subscribeCall(""))
	if err != nil {
		t.Fatal(err)
	}
	return resp
}

func revive(ctx context.Context, caller calls.Caller) error {
	return calls.CallNoData(ctx, caller, calls.ReviveWith([]string{"k8s"}).With(calls.Framework("f")))
}

func TestDefectG1AnyFailedCallEndsTheSubscription(t *testing.T) {
	code := http.StatusBadRequest
	caller := libraryCaller(func(_ *http.Request, call *scheduler.Call) *http.Response {
		if call.Type == scheduler.Call_SUBSCRIBE {
			return silentStream()
		}
		return answer(code, strings.NewReader("bad call"))
	})
	librarySubscribe(t, caller)
	if err := revive(t.Context(), caller); err == nil {
		t.Fatal("400 was no error")
	}
	code = http.StatusAccepted
	if err := revive(t.Context(), caller); err == nil || !strings.Contains(err.Error(), "expected SUBSCRIBE") {
		t.Errorf("the subscription outlived a 400: %v", err)
	}
}

func TestDefectG2OnlySubscribeFollowsTheLeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var hosts []string
		caller := libraryCaller(func(req *http.Request, call *scheduler.Call) *http.Response {
			hosts = append(hosts, call.Type.String()+" "+req.URL.Host)
			switch {
			case req.URL.Host == "old:5050" && call.Type == scheduler.Call_SUBSCRIBE:
				return answer(http.StatusTemporaryRedirect, http.NoBody, "Location", "//new:5050/api/v1/scheduler")
			case call.Type == scheduler.Call_SUBSCRIBE:
				return silentStream()
			}
			return answer(http.StatusAccepted, http.NoBody)
		})
		librarySubscribe(t, caller)
		if err := revive(t.Context(), caller); err != nil {
			t.Fatal(err)
		}
		if last := hosts[len(hosts)-1]; last != "REVIVE old:5050" {
			t.Errorf("REVIVE went to the leader: %v", hosts)
		}
	})
}

func TestDefectG3AcknowledgementWithoutAgent(t *testing.T) {
	var sent *scheduler.Call
	rule := controller.AckOperationUpdates(calls.CallerFunc(func(_ context.Context, call *scheduler.Call) (mesos.Response, error) {
		sent = call
		return nil, nil
	}))
	event := &scheduler.Event{Type: scheduler.Event_UPDATE_OPERATION_STATUS, UpdateOperationStatus: &scheduler.Event_UpdateOperationStatus{
		Status: mesos.OperationStatus{
			OperationID: &mesos.OperationID{Value: "op"}, AgentID: &mesos.AgentID{Value: "S0"},
			UUID: &mesos.UUID{Value: []byte("0123456789abcdef")},
		},
	}}
	chain := func(ctx context.Context, e *scheduler.Event, err error) (context.Context, *scheduler.Event, error) {
		return ctx, e, err
	}
	if _, _, err := rule(t.Context(), event, nil, chain); err != nil {
		t.Fatal(err)
	}
	if sent == nil || sent.AcknowledgeOperationStatus.AgentID != nil {
		t.Errorf("acknowledged with the status' agent: %v", sent)
	}
	if err := newGuard("").scheduler(sent.With(calls.Framework("f")), nil); !errors.Is(err, ErrDeadly) {
		t.Errorf("the guard lets it pass: %v", err)
	}
}

func TestDefectG4BareOKIsAProtocolError(t *testing.T) {
	client := httpcli.New(httpcli.Endpoint("http://m:5050"), httpcli.Do(scripted(func(*http.Request, *scheduler.Call) *http.Response {
		return answer(http.StatusOK, http.NoBody)
	}).do))
	resp, err := client.Do(calls.UpdateFramework(*testConfig("m:5050").Framework.proto("f")))
	if err == nil {
		t.Errorf("200 without a content type is accepted: %v", resp)
	}
}

func TestDefectG5NoWatchdog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		silence, end := io.Pipe()
		resp := librarySubscribe(t, libraryCaller(func(*http.Request, *scheduler.Call) *http.Response {
			return answer(http.StatusOK, silence, "Content-Type", "application/x-protobuf", headerStreamID, "s")
		}))
		done := make(chan struct{})
		go func() {
			defer close(done)
			var event scheduler.Event
			if err := resp.Decode(&event); err == nil {
				t.Error("an event out of silence")
			}
		}()
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		select {
		case <-done:
			t.Error("a day of silence ended the subscription")
		default:
		}
		if err := end.Close(); err != nil {
			t.Fatal(err)
		}
		<-done
	})
}

func TestDefectG6FilterReturnsNothing(t *testing.T) {
	all := offers.Slice{{ID: mesos.OfferID{Value: "O0"}}}
	if got := all.Filter(offers.FilterFunc(nil)); len(got) != 0 {
		t.Errorf("a filter that takes all returns %d", len(got))
	}
}

func TestDefectG7PopReservationPanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic on an unreserved resource")
		}
	}()
	kind := mesos.SCALAR
	mesos.Resources{{Name: "cpus", Type: &kind, Scalar: &mesos.Value_Scalar{Value: 1}}}.PopReservation()
}

func TestDefectG8MemoryTruncates(t *testing.T) {
	kind := mesos.SCALAR
	half := mesos.Resource{Name: "mem", Type: &kind, Scalar: &mesos.Value_Scalar{Value: 1.5}}
	if got, ok := libresources.Memory(half); !ok || got != 1 {
		t.Errorf("%d, %v", got, ok)
	}
	if got := decodePortions([]mesos.Resource{half})[0].Vector.Get("mem"); got != 1500 {
		t.Errorf("here %d", got)
	}
}

func TestDefectG10SubscribingBlocksOtherCalls(t *testing.T) {
	entered := make(chan struct{})
	enter := sync.OnceFunc(func() { close(entered) }) // the library may subscribe again
	caller := libraryCaller(func(_ *http.Request, call *scheduler.Call) *http.Response {
		if call.Type == scheduler.Call_SUBSCRIBE {
			enter()
		}
		return nil
	})
	ctx, cancel := context.WithCancel(t.Context())
	subscribed, revived := make(chan error, 1), make(chan error, 1)
	go func() {
		_, err := caller.Call(ctx, testConfig("old:5050").Framework.subscribeCall(""))
		subscribed <- err
	}()
	<-entered
	go func() { // its context is over, so it ought to fail at once
		over, cancel := context.WithCancel(context.Background())
		cancel()
		revived <- revive(over, caller)
	}()
	select {
	case err := <-revived:
		t.Errorf("REVIVE was not blocked: %v", err)
		revived <- err
	case <-time.After(50 * time.Millisecond):
	}
	cancel()
	<-subscribed
	<-revived
}

func TestDefectRecordIOLimits(t *testing.T) {
	t.Run("4 MiB", func(t *testing.T) {
		long := "5000000\n" + strings.Repeat("x", 5000000)
		if _, err := recordio.NewReader(strings.NewReader(long)).ReadFrame(); !errors.Is(err, bufio.ErrTooLong) {
			t.Errorf("error %v", err)
		}
	})
	t.Run("panic", func(t *testing.T) {
		defer func() {
			if recover() == nil {
				t.Error("no panic on a length beyond int64")
			}
		}()
		_, err := recordio.NewReader(strings.NewReader("18446744073709551615\nabc")).ReadFrame()
		t.Errorf("error %v", err)
	})
}

func TestDefectJSONRefusesUnknownEnums(t *testing.T) {
	first := readLines[recordedEvent](t, "testdata/events.jsonl")[0]
	err := unmarshal(selectCodec(true), first.Event, new(scheduler.Event))
	if err == nil || !unknownEnum.MatchString(err.Error()) {
		t.Errorf("SUBSCRIBED of %s: %v", first.Recording, err)
	}
	event, known, err := decodeEvent(selectCodec(true), first.Event)
	if err != nil || !known || event.GetSubscribed().GetMasterInfo().GetVersion() != "1.12.0" {
		t.Errorf("here %v, %v", event, err)
	}
}

func TestDefectJSONWritesNull(t *testing.T) {
	text, err := json.Marshal(calls.OpReserve())
	if err != nil || !strings.Contains(string(text), `"source":null`) {
		t.Errorf("%s, %v", text, err)
	}
}
