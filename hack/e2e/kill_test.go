package e2e

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/kube-mesos-extender/kube-mesos-extender/hack/harness"
)

const (
	// middle is how many pods are bound when something is killed.
	middle = crowdPods / 4
	// masterDowntime is how long the killed master stays away.
	masterDowntime = 2 * time.Second
)

// startBinding creates the crowd and returns in the middle of its binding.
func startBinding(t *testing.T, h *harness.Harness) {
	t.Helper()
	times, err := harness.WatchBindings(t.Context(), h.Client)
	must(t, err)
	t.Cleanup(times.Stop)
	must(t, h.CreatePods(t.Context(), crowd()...))
	await(t, crowdTime, "the middle of the binding", func(context.Context) error {
		if count := times.Count(); count < middle {
			return fmt.Errorf("%d pods are bound", count)
		}
		return nil
	})
	if count := times.Count(); count == crowdPods {
		t.Fatal("all pods are bound already: nothing is in the middle of anything")
	}
}

// endBinding waits for the rest of the crowd.
func endBinding(t *testing.T, h *harness.Harness, w *harness.Witness, killed time.Time) {
	t.Helper()
	must(t, h.AwaitAllBound(t.Context(), crowdPods, crowdTime))
	t.Logf("all pods bound %s after the kill", time.Since(killed).Round(time.Millisecond))
	finishCrowd(t, h, w)
}

// TestKillMaster kills the master, and with it the agents' processes, in the
// middle of the binding.
func TestKillMaster(t *testing.T) {
	h := startCrowd(t, harness.Options{})
	w := watch(t, h)
	startBinding(t, h)
	killed := time.Now()
	must(t, h.KillMaster())
	select {
	case <-time.After(masterDowntime):
	case <-t.Context().Done():
	}
	must(t, h.StartMaster(t.Context()))
	endBinding(t, h, w, killed)
}

// TestKillDaemon kills the only replica of the daemon and starts it again.
func TestKillDaemon(t *testing.T) {
	h := startCrowd(t, harness.Options{})
	w := watch(t, h)
	startBinding(t, h)
	killed := time.Now()
	h.KillDaemon(0)
	must(t, h.StartDaemon(0))
	must(t, h.AwaitReady(t.Context()))
	t.Logf("ready again %s after the kill", time.Since(killed).Round(time.Millisecond))
	endBinding(t, h, w, killed)
}

// TestKillLeader kills the leader of two replicas; the other takes over.
func TestKillLeader(t *testing.T) {
	h := startCrowd(t, harness.Options{Replicas: 2})
	w := watch(t, h)
	startBinding(t, h)
	leader, err := h.Leader(t.Context())
	must(t, err)
	killed := time.Now()
	h.KillDaemon(leader)
	await(t, patience, "the other replica's readiness", func(ctx context.Context) error {
		now, err := h.Leader(ctx)
		if err == nil && now == leader {
			err = fmt.Errorf("the killed replica %d is ready", leader)
		}
		return err
	})
	t.Logf("the other replica was ready %s after the kill", time.Since(killed).Round(time.Millisecond))
	endBinding(t, h, w, killed)
}
