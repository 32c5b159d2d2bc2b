package app

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/filter"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/mesos"
)

// Readiness names what is missing, and goes away when any of it is lost.
func TestReadyNamesWhatIsMissing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReplica(t, newNode("node-1"))
		expect := func(want string) {
			t.Helper()
			time.Sleep(5 * time.Second)
			synctest.Wait()
			got := "ready"
			if err := r.Ready(); err != nil {
				got = err.Error()
			}
			if got != want {
				t.Fatalf("Ready says %q, want %q", got, want)
			}
		}
		expect("standby: this replica does not hold the Lease")
		r.start(func(ctx context.Context) error {
			return r.lease.Run(ctx, func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
		})
		expect("informers have not synced")
		r.start(r.pods.Run)
		expect("informers have not synced")
		r.start(r.nodes.Run)
		expect("not subscribed to a Mesos master")
		events := mesosEvents{App: r.App, ids: make(chan string, 1)}
		r.start(r.reservations.Run)
		events.Subscribed(mesos.Subscription{Generation: 1, FrameworkID: "framework-1"})
		expect("the framework ID is not on the Lease yet")
		r.start(func(ctx context.Context) error { return r.keepFrameworkID(ctx, "", events.ids) })
		expect("reservations are not recovered: the master's agent list has not been read")
		r.master.set(true)
		expect("ready")
		events.Disconnected(1, nil)
		expect("not subscribed to a Mesos master")
		events.Subscribed(mesos.Subscription{Generation: 2, FrameworkID: "framework-2"})
		expect("ready")
		r.state.draining.Store(true)
		expect("shutting down")
		id, err := r.lease.FrameworkID(t.Context())
		if err != nil || id != "framework-2" {
			t.Errorf("framework ID on the Lease is %q, %v", id, err)
		}
	})
}

// A framework ID that nobody has saved yet is replaced, not waited for: the
// event loop must not block.
func TestLatestFrameworkIDWins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReplica(t)
		events := mesosEvents{App: r.App, ids: make(chan string, 1)}
		for _, id := range []string{"first", "second", "third"} {
			events.Subscribed(mesos.Subscription{Generation: 1, FrameworkID: id})
		}
		if got := <-events.ids; got != "third" {
			t.Errorf("to be saved is %q, want the third", got)
		}
	})
}

func TestViewIsClosedWhileTheOffersMeanNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReplica(t)
		if got := r.View().Closed; got != filter.NoSubscription {
			t.Errorf("closed because %q, want %q", got, filter.NoSubscription)
		}
		events := mesosEvents{App: r.App, ids: make(chan string, 1)}
		r.start(r.reservations.Run)
		events.Subscribed(mesos.Subscription{Generation: 1, FrameworkID: "f"})
		time.Sleep(5 * time.Second)
		if got := r.View().Closed; got != filter.Recovering {
			t.Errorf("closed because %q, want %q", got, filter.Recovering)
		}
		r.master.set(true)
		time.Sleep(5 * time.Second)
		if got := r.View().Closed; got != filter.Recovering {
			t.Errorf("closed because %q before the framework ID is saved, want %q", got, filter.Recovering)
		}
		r.start(func(ctx context.Context) error { return r.keepFrameworkID(ctx, "f", events.ids) })
		time.Sleep(5 * time.Second)
		if got := r.View().Closed; got != "" {
			t.Errorf("closed because %q when recovered", got)
		}
	})
}
