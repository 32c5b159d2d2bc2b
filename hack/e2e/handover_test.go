package e2e

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/kube-mesos-extender/kube-mesos-extender/hack/harness"
	"github.com/kube-mesos-extender/kube-mesos-extender/hack/harness/neighbour"
)

const (
	// handOverTime is how long a leader that is asked to end may take to be
	// replaced; takeOverTime is how long the first bind may take after a leader
	// was killed. Measured are under 2 s and under 10 s, with the shipped times
	// of the Lease; the slack is for a busy machine.
	handOverTime = 4 * time.Second
	takeOverTime = 15 * time.Second
)

// awaitOther waits until another replica than the one that led is ready.
func awaitOther(t *testing.T, h *harness.Harness, leader int) {
	t.Helper()
	await(t, patience, "the other replica's readiness", func(ctx context.Context) error {
		now, err := h.Leader(ctx)
		if err == nil && now == leader {
			err = fmt.Errorf("replica %d still leads", leader)
		}
		return err
	})
}

// TestHandOver asks the leader to end in the middle of the binding: the binds in
// flight finish, the other replica leads at once, and nothing is lost.
func TestHandOver(t *testing.T) {
	h := startCrowd(t, harness.Options{Replicas: 2})
	w := watch(t, h)
	startBinding(t, h)
	leader, err := h.Leader(t.Context())
	must(t, err)
	began := time.Now()
	exited := make(chan time.Duration, 1)
	go func() {
		h.StopDaemon(leader)
		exited <- time.Since(began)
	}()
	awaitOther(t, h, leader)
	took := time.Since(began)
	if took > handOverTime {
		t.Errorf("the other replica was ready after %s, want less than %s", took, handOverTime)
	}
	t.Logf("after SIGTERM the leader was gone in %s, the other replica ready in %s",
		(<-exited).Round(time.Millisecond), took.Round(time.Millisecond))
	expectCleanEnd(t, h, leader)
	endBinding(t, h, w, began)
}

// expectCleanEnd fails the test unless a replica ended by its own decision.
func expectCleanEnd(t *testing.T, h *harness.Harness, i int) {
	t.Helper()
	for path, lines := range readLogs(t, h.Dir(), fmt.Sprintf("extender-%d.log", i)) {
		if last := lines[len(lines)-1]; !strings.Contains(last, `"msg":"stopped"`) {
			t.Errorf("%s ends with %s", path, last)
		}
	}
}

// TestTakeOver kills the leader while a pod comes every half second, and measures
// until the other replica, which has the shipped times of the Lease, has bound
// one. Those that kube-scheduler tried in vain wait for their back-off.
func TestTakeOver(t *testing.T) {
	h := start(t, harness.Options{Agents: 3, Replicas: 2, Configure: brisk})
	must(t, h.CreatePods(t.Context(), harness.Pod("before", "500m", "128Mi")))
	must(t, h.AwaitAllBound(t.Context(), 1, patience))
	times, err := harness.WatchBindings(t.Context(), h.Client)
	must(t, err)
	t.Cleanup(times.Stop)
	leader, err := h.Leader(t.Context())
	must(t, err)
	killed := time.Now()
	h.KillDaemon(leader)
	created := 0
	err = harness.AwaitEvery(t.Context(), 500*time.Millisecond, patience, "a bind by the other replica", func(ctx context.Context) error {
		if times.Count() > 1 {
			return nil
		}
		created++
		return errors.Join(errors.New("none"), h.CreatePods(ctx, harness.Pod(fmt.Sprintf("after-%d", created), "500m", "128Mi")))
	})
	must(t, err)
	must(t, h.AwaitAllBound(t.Context(), 1+created, patience))
	logTakeOver(t, times, created, killed)
	awaitExact(t, h)
	deleteAll(t, h)
}

// logTakeOver tells when the first pod was bound and when the one that had
// waited since the kill was, and fails the test if the former took too long.
func logTakeOver(t *testing.T, times *harness.BindingTimes, created int, killed time.Time) {
	t.Helper()
	first := patience
	for i := range created {
		if at, ok := times.At(fmt.Sprintf("after-%d", i+1)); ok {
			first = min(first, at.Sub(killed))
		}
	}
	oldest, _ := times.At("after-1")
	t.Logf("first bind by the other replica %s after kill -9 of the leader; the pod that had waited since then was bound after %s",
		first.Round(time.Millisecond), oldest.Sub(killed).Round(time.Millisecond))
	if first > takeOverTime {
		t.Errorf("the first bind took more than %s", takeOverTime)
	}
}

// failedOver is how a daemon ends that was replaced by another subscriber.
const failedOver = `"msg":"stopped","error":"framework failed over to another subscriber"`

// TestFailedOver subscribes somebody else under the framework ID of the daemon.
// It must end and must not take the framework back.
func TestFailedOver(t *testing.T) {
	h := start(t, harness.Options{Agents: 2, Configure: brisk})
	books, err := h.Books(t.Context())
	must(t, err)
	thief, err := neighbour.Start(t.Context(), neighbour.Options{
		Master: h.MasterURL(), Name: "thief", Role: "kubernetes", FrameworkID: books.Frameworks[0].ID, Policy: neighbour.Keep(),
	})
	must(t, err)
	t.Cleanup(thief.Stop)
	select {
	case <-h.DaemonDone(0):
	case <-time.After(patience):
		t.Fatal("the daemon goes on although its framework failed over")
	}
	end := h.DaemonExit(0)
	if !strings.Contains(end.Error(), "exit status 1") || !strings.Contains(end.Error(), failedOver) {
		t.Errorf("the daemon ended with %v", end)
	}
	after, err := h.Books(t.Context())
	must(t, err)
	if got := after.Counters.Calls["SUBSCRIBE"] - books.Counters.Calls["SUBSCRIBE"]; got != 1 {
		t.Errorf("there were %d more subscriptions, want the thief's alone", got)
	}
	if problem := thief.Problem(); problem != nil {
		t.Errorf("the thief lost the framework: %v", problem)
	}
}

// TestRefusedByMesosOnly has nodes that are larger than their agents: Kubernetes
// would let the pod go there, Mesos does not, and the Event says so.
func TestRefusedByMesosOnly(t *testing.T) {
	h := start(t, harness.Options{
		Agents: 2, AgentResources: "cpus:4;mem:16384;disk:50000", SpareCPUs: 12, Configure: brisk,
	})
	must(t, h.CreatePods(t.Context(), harness.Pod("large", "6", "1Gi"), harness.Pod("small", "3", "1Gi")))
	_, err := h.AwaitBound(t.Context(), "small", patience)
	must(t, err)
	await(t, patience, "an Event with the reason", func(ctx context.Context) error {
		note, err := h.RefusalEvent(ctx, "large")
		if err == nil && (!strings.Contains(note, "2 insufficient offered cpus") || strings.Contains(note, "Insufficient cpu")) {
			err = fmt.Errorf("the Event says %q", note)
		}
		return err
	})
	note, err := h.RefusalEvent(t.Context(), "large")
	must(t, err)
	t.Logf("the Event says: %s", note)
	awaitExact(t, h)
	deleteAll(t, h)
}
