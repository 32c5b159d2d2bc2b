package mesos

import (
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

// reserveOne reserves one CPU of an offer for role k8s.
func reserveOne(generation uint64, offerID, operationID string) Accept {
	stack := []resources.Layer{{Dynamic: true, Role: "k8s", Labels: []resources.Label{{Key: "pod", Value: operationID}}}}
	return Accept{
		Generation: generation, OfferIDs: []string{offerID},
		Operations: []Operation{{
			ID: operationID, Type: Reserve, Role: "k8s",
			Portions: []resources.Portion{{Layers: stack, Vector: resources.Scalar(resources.CPUs, 1000)}},
		}},
	}
}

func TestEveryCallCarriesStreamAndFrameworkID(t *testing.T) {
	for _, useJSON := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			var net network
			master := &fakeMaster{t: t}
			net.serve(t, "m1:5050", master)
			cfg := testConfig("m1:5050")
			cfg.JSON = useJSON
			c := newTestClient(t, cfg, &net)
			start(t, c, "", &diary{})
			synctest.Wait()
			status := OperationStatus{OperationID: "op", AgentID: "S0", UUID: []byte("0123456789abcdef")}
			c.guard.received(status)
			ctx := t.Context()
			for name, err := range map[string]error{
				"accept":          c.Accept(ctx, reserveOne(1, "O0", "op-1")),
				"decline":         c.Decline(ctx, 1, []string{"O1"}, -time.Second),
				"revive":          c.Revive(ctx, []string{"k8s"}),
				"suppress":        c.Suppress(ctx, []string{"k8s"}),
				"acknowledge":     c.Acknowledge(ctx, status),
				"reconcile":       c.Reconcile(ctx, []OperationRef{{OperationID: "op", AgentID: "S0"}}),
				"reconcile all":   c.Reconcile(ctx, nil),
				"accept inverse":  c.AcceptInverse(ctx, 1, []string{"I0"}, time.Second),
				"decline inverse": c.DeclineInverse(ctx, 1, []string{"I0"}, time.Second),
			} {
				if err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
			calls := master.seen()[1:]
			if len(calls) != 9 {
				t.Fatalf("%d calls: %v", len(calls), master.types())
			}
			for _, r := range calls {
				if r.header.Get(headerStreamID) != "stream-1" || r.call.GetFrameworkID().GetValue() != "framework-1" {
					t.Errorf("%s with stream %q, framework %v", r.call.Type, r.header.Get(headerStreamID), r.call.FrameworkID)
				}
				if r.call.Type == scheduler.Call_DECLINE && r.call.Decline.Filters.GetRefuseSeconds() != 0 {
					t.Errorf("a negative refusal became %v", r.call.Decline.Filters) // it would mean the default
				}
			}
		})
	}
}

func TestEmptyCallsAreNotSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var net network
		master := &fakeMaster{t: t}
		net.serve(t, "m1:5050", master)
		c := newTestClient(t, testConfig("m1:5050"), &net)
		start(t, c, "", &diary{})
		synctest.Wait()
		err := errors.Join(c.Decline(t.Context(), 1, nil, 0), c.Revive(t.Context(), nil), c.Suppress(t.Context(), nil),
			c.AcceptInverse(t.Context(), 1, nil, 0), c.DeclineInverse(t.Context(), 1, nil, 0),
			c.Acknowledge(t.Context(), OperationStatus{OperationID: "op", AgentID: "S0"}))
		if err != nil || len(master.seen()) != 1 {
			t.Errorf("sent %v: %v", master.types(), err)
		}
	})
}

// A failing call is its caller's business; the subscription goes on (the
// library's G1). The answers that mean "not subscribed" are ErrDisconnected.
func TestFailedCalls(t *testing.T) {
	for _, tt := range []struct {
		name         string
		code         int
		text         string
		disconnected bool // what the caller is told
		resubscribes bool
	}{
		{"stale stream ID", 400, "The stream ID 'x' included in this request didn't match the stream ID currently associated with framework ID f", true, false},
		{"no stream ID", 400, "All non-subscribe calls should include the 'Mesos-Stream-Id' header", false, false},
		{"not subscribed", 403, "Framework is not subscribed", true, true},
		{"unknown framework", 400, "Framework cannot be found", true, false},
		{"bad call", 400, "Failed to validate scheduler::Call: Expecting 'agent_id' to be present", false, false},
		{"forbidden", 403, "principal not authorized", false, false},
		{"unauthenticated", 401, "401 Unauthorized.", false, false},
		{"server error", 500, "out of memory", false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var net network
				master := &fakeMaster{t: t, answer: func(w http.ResponseWriter, _ *http.Request, call *scheduler.Call) bool {
					if call.Type == scheduler.Call_SUBSCRIBE {
						return false
					}
					http.Error(w, tt.text, tt.code)
					return true
				}}
				net.serve(t, "m1:5050", master)
				d := &diary{}
				c := newTestClient(t, testConfig("m1:5050"), &net)
				start(t, c, "", d)
				synctest.Wait()
				err := c.Revive(t.Context(), []string{"k8s"})
				var status *StatusError
				if !errors.As(err, &status) || status.Code != tt.code || status.Message != tt.text {
					t.Errorf("error %v does not carry %d %s", err, tt.code, tt.text)
				}
				if errors.Is(err, ErrDisconnected) != tt.disconnected {
					t.Errorf("error %v: disconnected should be %v", err, tt.disconnected)
				}
				time.Sleep(time.Second)
				synctest.Wait()
				want := []string{"subscribed 1 framework-1"}
				if tt.resubscribes {
					want = append(want, "disconnected 1", "subscribed 2 framework-1")
				}
				if diff := cmp.Diff(want, d.read()); diff != "" {
					t.Errorf("events (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestCallsTimeOutAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var net network
		net.serve(t, "m1:5050", &fakeMaster{t: t, answer: func(_ http.ResponseWriter, r *http.Request, call *scheduler.Call) bool {
			if call.Type == scheduler.Call_SUBSCRIBE {
				return false
			}
			<-r.Context().Done()
			return true
		}})
		d := &diary{}
		c := newTestClient(t, testConfig("m1:5050"), &net)
		start(t, c, "", d)
		synctest.Wait()
		started := time.Now()
		if err := c.Revive(t.Context(), []string{"k8s"}); err == nil || errors.Is(err, ErrDisconnected) {
			t.Errorf("hung call: %v", err)
		}
		if took := time.Since(started); took != defaultCallTimeout {
			t.Errorf("hung call took %s", took)
		}
		synctest.Wait()
		if diff := cmp.Diff([]string{"subscribed 1 framework-1"}, d.read()); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
	})
}

// Calls go on while a subscription is being retried (the library's G10).
func TestCallsAreNotBlockedByResubscribing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var net network
		first := true
		master := &fakeMaster{t: t, answer: func(_ http.ResponseWriter, r *http.Request, call *scheduler.Call) bool {
			if call.Type == scheduler.Call_SUBSCRIBE && !first {
				<-r.Context().Done()
				return true
			}
			first = false
			return false
		}}
		net.serve(t, "m1:5050", master)
		c := newTestClient(t, testConfig("m1:5050"), &net)
		start(t, c, "", &diary{})
		synctest.Wait()
		master.hangUp(1)
		time.Sleep(time.Second)
		synctest.Wait()
		started := time.Now()
		err := c.Revive(t.Context(), []string{"k8s"})
		if !errors.Is(err, ErrDisconnected) || time.Since(started) != 0 {
			t.Errorf("after %s: %v", time.Since(started), err)
		}
	})
}
