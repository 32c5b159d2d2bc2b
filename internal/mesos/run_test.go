package mesos

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler"
)

func TestSubscribeSendsWhatTheMasterNeeds(t *testing.T) {
	for _, useJSON := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			var net network
			master := &fakeMaster{t: t}
			net.serve(t, "m1:5050", master)
			cfg := testConfig("m1:5050")
			cfg.JSON = useJSON
			cfg.Framework.Roles = []string{"k8s", "k8s/pods"}
			cfg.Framework.Principal = "me"
			cfg.Credentials = &Credentials{Principal: "me", Secret: "s3cret"}
			d := &diary{}
			start(t, newTestClient(t, cfg, &net), "stored-id", d)
			synctest.Wait()

			call := master.seen()[0]
			info := call.call.Subscribe.FrameworkInfo
			var got []string
			for _, c := range info.Capabilities {
				got = append(got, c.Type.String())
			}
			want := []string{"MULTI_ROLE", "RESERVATION_REFINEMENT", "PARTITION_AWARE", "GPU_RESOURCES", "REGION_AWARE"}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("capabilities (-want +got):\n%s", diff)
			}
			if info.GetID().GetValue() != "stored-id" || call.call.GetFrameworkID().GetValue() != "stored-id" {
				t.Errorf("framework ID %v, call %v", info.GetID(), call.call.GetFrameworkID())
			}
			// Trap T3: the master's default of zero removes the framework.
			if info.GetFailoverTimeout() != defaultFailoverTimeout.Seconds() {
				t.Errorf("failover timeout %v", info.GetFailoverTimeout())
			}
			// Trap T8: any amount is to be offered, in every role.
			for _, role := range cfg.Framework.Roles {
				filter, ok := info.OfferFilters[role]
				if !ok || filter.MinAllocatableResources == nil || len(filter.MinAllocatableResources.Quantities) != 0 {
					t.Errorf("offer filter of role %s: %v", role, filter)
				}
			}
			if call.header.Get(headerStreamID) != "" {
				t.Error("SUBSCRIBE with a stream ID")
			}
			if user, secret, _ := (&http.Request{Header: call.header}).BasicAuth(); user != "me" || secret != "s3cret" {
				t.Errorf("credentials %s:%s", user, secret)
			}
			if diff := cmp.Diff([]string{"subscribed 1 stored-id"}, d.read()); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
		})
	}
}

// Trap T1: what was offered before a disconnection is void after it, and calls
// for it are not sent.
func TestGenerationsEndWithTheirSubscription(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var net network
		master := &fakeMaster{t: t}
		net.serve(t, "m1:5050", master)
		d := &diary{}
		c := newTestClient(t, testConfig("m1:5050"), &net)
		start(t, c, "", d)
		synctest.Wait()
		master.send(1, offersEvent("S0", "O0"))
		synctest.Wait()
		master.hangUp(1)
		time.Sleep(time.Second)
		synctest.Wait()
		master.send(2, offersEvent("S0", "O1"))
		synctest.Wait()
		want := []string{
			"subscribed 1 framework-1", "offer 1 O0 of S0", "disconnected 1",
			"subscribed 2 framework-1", "offer 2 O1 of S0",
		}
		if diff := cmp.Diff(want, d.read()); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
		sent := len(master.seen())
		for name, err := range map[string]error{
			"accept":          c.Accept(t.Context(), reserveOne(1, "O0", "op-1")),
			"decline":         c.Decline(t.Context(), 1, []string{"O0"}, time.Second),
			"accept inverse":  c.AcceptInverse(t.Context(), 1, []string{"I0"}, 0),
			"decline inverse": c.DeclineInverse(t.Context(), 1, []string{"I0"}, 0),
			"no generation":   c.Decline(t.Context(), 0, []string{"O0"}, time.Second),
		} {
			if !errors.Is(err, ErrDisconnected) {
				t.Errorf("%s of an old generation: %v", name, err)
			}
		}
		if now := len(master.seen()); now != sent {
			t.Errorf("%d calls were sent for an old generation: %v", now-sent, master.types())
		}
		if err := c.Accept(t.Context(), reserveOne(2, "O1", "op-1")); err != nil {
			t.Errorf("accept in the new generation: %v", err)
		}
	})
}

func TestCallsWithoutASubscription(t *testing.T) {
	var net network
	c := newTestClient(t, testConfig("m1:5050"), &net)
	if err := c.Revive(t.Context(), []string{"k8s"}); !errors.Is(err, ErrDisconnected) {
		t.Errorf("revive: %v", err)
	}
}

// Traps T2 and T3: an ERROR ends Run with the sentinel that its text means, and
// nothing is tried again.
func TestErrorEventsEndRun(t *testing.T) {
	for _, tt := range []struct {
		message string
		want    error
	}{
		{"Framework failed over", ErrFailedOver},
		{"Framework has been removed", ErrRemoved},
		{"Changing framework's principal is not allowed.", ErrRefused},
		{"Framework has been removed from role x by an operator", ErrRefused},
	} {
		t.Run(tt.message, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var net network
				master := &fakeMaster{t: t}
				net.serve(t, "m1:5050", master)
				d := &diary{}
				run := start(t, newTestClient(t, testConfig("m1:5050"), &net), "", d)
				synctest.Wait()
				master.send(1, errorEventOf(tt.message))
				time.Sleep(time.Hour)
				if !run.ended() || !errors.Is(run.err, tt.want) {
					t.Fatalf("ended %v: %v, want %v", run.ended(), run.err, tt.want)
				}
				if calls := master.types(); len(calls) != 1 {
					t.Errorf("subscribed again: %v", calls)
				}
				if diff := cmp.Diff([]string{"subscribed 1 framework-1", "disconnected 1"}, d.read()); diff != "" {
					t.Errorf("events (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestErrorInsteadOfSubscribed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var net network
		master := &fakeMaster{t: t, mute: true}
		net.serve(t, "m1:5050", master)
		d := &diary{}
		run := start(t, newTestClient(t, testConfig("m1:5050"), &net), "gone", d)
		synctest.Wait()
		master.send(1, errorEventOf("Framework has been removed"))
		synctest.Wait()
		if !run.ended() || !errors.Is(run.err, ErrRemoved) {
			t.Fatalf("ended %v: %v", run.ended(), run.err)
		}
		if lines := d.read(); len(lines) != 0 {
			t.Errorf("handler was told %v of a subscription that never was", lines)
		}
	})
}

// The watchdog drops a connection that is half open: open, but silent.
func TestMastersAreTriedInTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var net network
		busy := &fakeMaster{t: t, answer: func(w http.ResponseWriter, _ *http.Request, _ *scheduler.Call) bool {
			http.Error(w, "no leader elected", http.StatusServiceUnavailable)
			return true
		}}
		leader := &fakeMaster{t: t}
		net.serve(t, "m2:5050", busy)
		net.serve(t, "m3:5050", leader)
		d := &diary{}
		start(t, newTestClient(t, testConfig("m1:5050", "m2:5050", "m3:5050"), &net), "", d)
		synctest.Wait() // no time passes within one round
		if len(busy.seen()) != 1 || len(leader.seen()) != 1 {
			t.Fatalf("m2 saw %v, m3 saw %v", busy.types(), leader.types())
		}
		if diff := cmp.Diff("http://m3:5050", d.subs[0].Master); diff != "" {
			t.Error(diff)
		}
	})
}

// Attempts stay far enough apart for a master that has no leader, and never
// further than 15 seconds.
func TestBackoffIsCappedAndSpread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var net network
		var at []time.Time
		net.serve(t, "m1:5050", &fakeMaster{t: t, answer: func(w http.ResponseWriter, _ *http.Request, _ *scheduler.Call) bool {
			at = append(at, time.Now())
			http.Error(w, "no leader elected", http.StatusServiceUnavailable)
			return true
		}})
		run := start(t, newTestClient(t, testConfig("m1:5050"), &net), "", &diary{})
		time.Sleep(time.Hour)
		run.cancel()
		synctest.Wait()
		// Half of 15 s on average: about 480 in an hour.
		if len(at) < 350 || len(at) > 650 {
			t.Errorf("%d attempts in an hour", len(at))
		}
		distinct := map[time.Duration]bool{}
		for i := 1; i < len(at); i++ {
			pause := at[i].Sub(at[i-1])
			distinct[pause] = true
			if pause > 15*time.Second+time.Nanosecond {
				t.Errorf("pause %d is %s", i, pause)
			}
		}
		if len(distinct) < len(at)/2 {
			t.Errorf("only %d different pauses in %d", len(distinct), len(at))
		}
		if run.err != nil {
			t.Errorf("run: %v", run.err)
		}
	})
}

func TestRefusedSubscriptions(t *testing.T) {
	for _, tt := range []struct {
		code  int
		final bool
	}{
		{http.StatusUnauthorized, true}, {http.StatusBadRequest, true}, {http.StatusForbidden, true},
		{http.StatusNotFound, false}, {http.StatusServiceUnavailable, false}, {http.StatusInternalServerError, false},
	} {
		t.Run(http.StatusText(tt.code), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var net network
				net.serve(t, "m1:5050", &fakeMaster{t: t, answer: func(w http.ResponseWriter, _ *http.Request, _ *scheduler.Call) bool {
					http.Error(w, "the reason", tt.code)
					return true
				}})
				run := start(t, newTestClient(t, testConfig("m1:5050"), &net), "", &diary{})
				time.Sleep(time.Minute)
				if run.ended() != tt.final {
					t.Fatalf("ended: %v", run.ended())
				}
				if tt.final && !errors.Is(run.err, ErrRefused) {
					t.Errorf("error %v", run.err)
				}
			})
		})
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var net network
		net.serve(t, "m1:5050", &fakeMaster{t: t})
		d := &diary{}
		run := start(t, newTestClient(t, testConfig("m1:5050"), &net), "", d)
		synctest.Wait()
		run.cancel()
		synctest.Wait()
		if !run.ended() || run.err != nil {
			t.Fatalf("ended %v: %v", run.ended(), run.err)
		}
		if len(d.causes) != 1 || !errors.Is(d.causes[0], context.Canceled) {
			t.Errorf("causes %v", d.causes)
		}
	})
}

// canceller ends the subscription from within, as a call answered 403 does.
type canceller struct {
	diary
	client *Client
}

func (c *canceller) Rescind(uint64, string) { c.client.current.cancel(errNotSubscribed) }

// Trap T2: an ERROR that is already here counts, whatever else went wrong.
func TestErrorEventBeatsOtherCauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var net network
		master := &fakeMaster{t: t, answer: func(w http.ResponseWriter, _ *http.Request, _ *scheduler.Call) bool {
			var events bytes.Buffer
			rescind := &scheduler.Event{Type: scheduler.Event_RESCIND, Rescind: &scheduler.Event_Rescind{}}
			for _, event := range []*scheduler.Event{subscribedEvent("f"), rescind, errorEventOf("Framework failed over")} {
				record, err := marshal(selectCodec(false), event)
				if err != nil {
					t.Error(err)
				}
				writeRecord(t, &events, record)
			}
			w.Header().Set("Content-Type", "application/x-protobuf")
			w.Header().Set(headerStreamID, "s")
			if _, err := w.Write(events.Bytes()); err != nil { // at once
				t.Error(err)
			}
			return true
		}}
		net.serve(t, "m1:5050", master)
		h := &canceller{client: newTestClient(t, testConfig("m1:5050"), &net)}
		run := start(t, h.client, "", h)
		synctest.Wait()
		if !run.ended() || !errors.Is(run.err, ErrFailedOver) {
			t.Errorf("ended %v: %v", run.ended(), run.err)
		}
	})
}

// A subscription that lasted wipes out what the attempts before it cost.
func TestBackoffBeginsAnewAfterASuccess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var net network
		var busy atomic.Bool
		busy.Store(true)
		master := &fakeMaster{t: t, answer: func(w http.ResponseWriter, _ *http.Request, _ *scheduler.Call) bool {
			if busy.Load() {
				http.Error(w, "no leader elected", http.StatusServiceUnavailable)
			}
			return busy.Load()
		}}
		net.serve(t, "m1:5050", master)
		d := &diary{}
		start(t, newTestClient(t, testConfig("m1:5050"), &net), "", d)
		time.Sleep(10 * time.Minute)
		busy.Store(false)
		time.Sleep(40 * time.Second)
		synctest.Wait()
		for n := 1; n <= 4; n++ {
			if got := len(d.subs); got != n {
				t.Fatalf("%d subscriptions, want %d", got, n)
			}
			time.Sleep(20 * time.Second)
			master.hangUp(n)
			time.Sleep(defaultBackoffMin + time.Nanosecond)
			synctest.Wait()
		}
	})
}
