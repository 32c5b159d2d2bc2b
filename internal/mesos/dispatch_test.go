package mesos

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler"
)

// Every event a real master was recorded with reaches the handler, in order,
// whatever the codec.
func TestEventsReachTheHandler(t *testing.T) {
	for _, useJSON := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			var net network
			master := &fakeMaster{t: t}
			net.serve(t, "m1:5050", master)
			cfg := testConfig("m1:5050")
			cfg.JSON = useJSON
			d := &diary{}
			c := newTestClient(t, cfg, &net)
			run := start(t, c, "", d)
			synctest.Wait()
			for _, line := range readLines[recordedEvent](t, "testdata/events.jsonl") {
				event, _, err := decodeEvent(selectCodec(true), line.Event)
				if err != nil {
					t.Fatal(err)
				}
				if event.Type != scheduler.Event_SUBSCRIBED && event.Type != scheduler.Event_ERROR {
					master.send(1, event)
				}
			}
			executor := &scheduler.Event_Failure{AgentID: &mesos.AgentID{Value: "S"}, ExecutorID: &mesos.ExecutorID{Value: "e"}}
			master.send(1, &scheduler.Event{Type: scheduler.Event_FAILURE, Failure: executor})
			synctest.Wait()
			want := []string{
				"subscribed 1 framework-1",
				"offer 1 020f96e2-2b01-41c3-852a-d697c020f231-O0 of 020f96e2-2b01-41c3-852a-d697c020f231-S1",
				"offer 1 020f96e2-2b01-41c3-852a-d697c020f231-O1 of 020f96e2-2b01-41c3-852a-d697c020f231-S0",
				"offer 1 5b2db6fc-e919-4eca-aaf6-ba1adc19c8e8-O2 of 5b2db6fc-e919-4eca-aaf6-ba1adc19c8e8-S1",
				"offer 1 d8ff35b0-bfa0-4277-b8c3-7366026f8e5c-O11 of d8ff35b0-bfa0-4277-b8c3-7366026f8e5c-S0",
				"status op-1 OPERATION_FINISHED", "status op-pod-a OPERATION_FINISHED",
				"rescind 1 c91b0940-a55d-49f8-b232-49f49a02a151-O0",
				"inverse 1 c91b0940-a55d-49f8-b232-49f49a02a151-O4 of c91b0940-a55d-49f8-b232-49f49a02a151-S0 for 1h0m0s",
				"rescind inverse 1 c91b0940-a55d-49f8-b232-49f49a02a151-O4",
				"lost fe6c9815-2b9b-42c2-9ea9-1fb35c6f2d2f-S1",
			}
			got := d.read()
			if diff := cmp.Diff(want, got[:min(len(want), len(got))]); diff != "" {
				t.Errorf("JSON %v (-want +got):\n%s", useJSON, diff)
			}
			if last := got[len(got)-1]; last != "status op-pod-big OPERATION_ERROR" {
				t.Errorf("last of %d is %q", len(got), last)
			}
			// A status that came can be acknowledged as it is (trap T14).
			if err := c.Acknowledge(t.Context(), d.statuses[0]); err != nil {
				t.Error(err)
			}
			ack := master.seen()[1].call.AcknowledgeOperationStatus
			if ack.GetAgentID().GetValue() != d.statuses[0].AgentID || string(ack.UUID) != string(d.statuses[0].UUID) {
				t.Errorf("acknowledged %v", ack)
			}
			if run.ended() {
				t.Errorf("run ended: %v", run.err)
			}
		})
	}
}

// A stream that does not begin with SUBSCRIBED, or repeats it, is given up.
func TestStreamsOutOfOrder(t *testing.T) {
	for name, events := range map[string][]*scheduler.Event{
		"offers first":     {offersEvent("S0", "O0")},
		"subscribed twice": {subscribedEvent("f"), subscribedEvent("f")},
		"no framework ID":  {{Type: scheduler.Event_SUBSCRIBED}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var net network
				master := &fakeMaster{t: t, mute: true}
				net.serve(t, "m1:5050", master)
				d := &diary{}
				start(t, newTestClient(t, testConfig("m1:5050"), &net), "", d)
				synctest.Wait()
				master.send(1, events...)
				time.Sleep(time.Second)
				synctest.Wait()
				if n := len(master.seen()); n != 2 {
					t.Errorf("%d subscriptions", n)
				}
				for _, line := range d.read() {
					if line != "subscribed 1 f" && line != "disconnected 1" {
						t.Errorf("the handler was told %q", line)
					}
				}
			})
		})
	}
}

func TestHeartbeatInterval(t *testing.T) {
	for seconds, want := range map[float64]time.Duration{
		15: 15 * time.Second, 0: defaultHeartbeat, -1: defaultHeartbeat, 1e-9: minHeartbeat, 1e300: maxHeartbeat,
	} {
		if got := heartbeatInterval(seconds); got != want {
			t.Errorf("%v: %s, want %s", seconds, got, want)
		}
	}
}
