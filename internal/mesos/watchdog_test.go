package mesos

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestWatchdogDropsASilentConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var net network
		master := &fakeMaster{t: t}
		net.serve(t, "m1:5050", master)
		d := &diary{}
		start(t, newTestClient(t, testConfig("m1:5050"), &net), "", d)
		synctest.Wait()
		for range 8 { // longer than the limit in all
			time.Sleep(15 * time.Second)
			master.send(1, heartbeatEvent())
			synctest.Wait()
		}
		time.Sleep(defaultMissedHeartbeats*15*time.Second - time.Millisecond)
		synctest.Wait()
		if diff := cmp.Diff([]string{"subscribed 1 framework-1"}, d.read()); diff != "" {
			t.Fatalf("before the limit (-want +got):\n%s", diff)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		want := []string{"subscribed 1 framework-1", "disconnected 1", "subscribed 2 framework-1"}
		if diff := cmp.Diff(want, d.read()); diff != "" {
			t.Fatalf("after the limit (-want +got):\n%s", diff)
		}
		if !errors.Is(d.causes[0], errWatchdog) {
			t.Errorf("cause %v", d.causes[0])
		}
	})
}

func TestWatchdogCoversTheTimeBeforeSubscribed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var net network
		master := &fakeMaster{t: t, mute: true}
		net.serve(t, "m1:5050", master)
		start(t, newTestClient(t, testConfig("m1:5050"), &net), "", &diary{})
		time.Sleep(5 * time.Minute)
		if n := len(master.seen()); n < 3 || n > 6 {
			t.Errorf("%d subscriptions in 5 minutes of silence", n)
		}
	})
}

func TestWatchdogTakesTheMastersInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var net network
		master := &fakeMaster{t: t, mute: true}
		net.serve(t, "m1:5050", master)
		d := &diary{}
		cfg := testConfig("m1:5050")
		cfg.MissedHeartbeats = 3
		start(t, newTestClient(t, cfg, &net), "", d)
		synctest.Wait()
		event := subscribedEvent("f")
		*event.Subscribed.HeartbeatIntervalSeconds = 2
		master.send(1, event)
		time.Sleep(5999 * time.Millisecond)
		synctest.Wait()
		if diff := cmp.Diff([]string{"subscribed 1 f"}, d.read()); diff != "" {
			t.Errorf("before 3 times 2 s (-want +got):\n%s", diff)
		}
		time.Sleep(time.Millisecond)
		synctest.Wait()
		if diff := cmp.Diff([]string{"subscribed 1 f", "disconnected 1"}, d.read()); diff != "" {
			t.Errorf("after 3 times 2 s (-want +got):\n%s", diff)
		}
	})
}
