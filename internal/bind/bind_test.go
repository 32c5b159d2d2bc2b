package bind

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/kube"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/offercache"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/reservation"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

func TestBindReservesThenPosts(t *testing.T) {
	atDesk(t, func(t *testing.T, d *desk) {
		if err := d.Bind(t.Context(), target); err != nil {
			t.Fatal(err)
		}
		want := []reservation.Request{{
			Pod:  reservation.Pod{Namespace: "default", Name: "web", UID: "u1", Priority: 7},
			Key:  offercache.Key{AgentID: "agent-1", Role: "k8s/pods"},
			Need: resources.Scalar(resources.CPUs, 500),
		}}
		if diff := cmp.Diff(want, d.reserver.requests); diff != "" {
			t.Errorf("reserved (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{"node-1"}, d.bindings.posted); diff != "" {
			t.Errorf("posted (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]reservation.Outcome{reservation.PodBound}, d.reserver.settled); diff != "" {
			t.Errorf("settled (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(map[string]uint64{"bound": 1}, d.counted(t)); diff != "" {
			t.Errorf("counted (-want +got):\n%s", diff)
		}
	})
}

// No Binding without a confirmed reservation: while Reserve waits, and when it
// fails, nothing is posted.
func TestNothingIsPostedBeforeTheReservationIsConfirmed(t *testing.T) {
	atDesk(t, func(t *testing.T, d *desk) {
		d.reserver.hold = make(chan struct{})
		result := d.start(t.Context(), target)
		if len(d.bindings.posted) != 0 {
			t.Fatal("posted before the reservation was confirmed")
		}
		close(d.reserver.hold)
		if err := <-result; err != nil || len(d.bindings.posted) != 1 {
			t.Fatalf("bind ended with %v, posted %v", err, d.bindings.posted)
		}
	})
}

func TestFailedReservations(t *testing.T) {
	short := &offercache.ShortError{Resource: resources.CPUs}
	for name, err := range map[string]error{
		"insufficient_offers": fmt.Errorf("hold: %w", short),
		"offers_withdrawn":    fmt.Errorf("reserve: %w", reservation.ErrWithdrawn),
		"not_reserved":        fmt.Errorf("reserve: %w: OPERATION_ERROR", reservation.ErrNotReserved),
		"released":            fmt.Errorf("reserve: %w", reservation.ErrReleased),
		"error":               errDown,
	} {
		t.Run(name, func(t *testing.T) {
			atDesk(t, func(t *testing.T, d *desk) {
				d.reserver.err = err
				if got := d.Bind(t.Context(), target); !errors.Is(got, err) {
					t.Errorf("bind ended with %v, want %v", got, err)
				}
				if len(d.bindings.posted)+len(d.reserver.settled) != 0 {
					t.Errorf("posted %v, settled %v without a reservation", d.bindings.posted, d.reserver.settled)
				}
				if diff := cmp.Diff(map[string]uint64{name: 1}, d.counted(t)); diff != "" {
					t.Errorf("counted (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestRefusals(t *testing.T) {
	deleted := func(pod *corev1.Pod) { pod.DeletionTimestamp = &metav1.Time{Time: time.Unix(1, 0)} }
	tests := map[string]struct {
		cached, live *corev1.Pod
		readErr      error
		target       Target
		needErr      error
		want         error // nil: success
	}{
		"unknown pod":                     {want: ErrUnknownPod},
		"pod cannot be read":              {readErr: errDown, want: errDown},
		"another UID":                     {cached: podNamed("u2"), live: podNamed("u2"), want: ErrOtherPod},
		"gone behind a stale cache":       {cached: podNamed("u0"), want: ErrUnknownPod},
		"another UID on another node too": {cached: podNamed("u2", on("node-1")), live: podNamed("u2", on("node-1")), want: ErrOtherPod},
		"being deleted":                   {cached: podNamed("u1", deleted), want: ErrEnded},
		"failed":                          {cached: podNamed("u1", func(p *corev1.Pod) { p.Status.Phase = corev1.PodFailed }), want: ErrEnded},
		"scenario 14 bound elsewhere":     {cached: podNamed("u1", on("node-2")), want: ErrElsewhere},
		"scenario 13 bound there already": {cached: podNamed("u1", on("node-1"))},
		"node without an agent":           {cached: podNamed("u1"), target: Target{Namespace: "default", Name: "web", UID: "u1", Node: "node-9"}, want: ErrNoAgent},
		"request that cannot be mapped":   {cached: podNamed("u1"), needErr: errDown, want: errDown},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			atDesk(t, func(t *testing.T, d *desk) {
				d.pods.cached, d.pods.live, d.pods.err, d.needErr = tt.cached, tt.live, tt.readErr, tt.needErr
				if tt.target == (Target{}) {
					tt.target = target
				}
				if err := d.Bind(t.Context(), tt.target); !errors.Is(err, tt.want) {
					t.Errorf("bind ended with %v, want %v", err, tt.want)
				}
				if len(d.reserver.requests)+len(d.bindings.posted) != 0 {
					t.Errorf("reserved %v, posted %v for a refused pod", d.reserver.requests, d.bindings.posted)
				}
			})
		})
	}
}

func TestMalformedTargets(t *testing.T) {
	for name, bad := range map[string]Target{
		"without UID":  {Namespace: "default", Name: "web", UID: "", Node: "node-1"},
		"without node": {Namespace: "default", Name: "web", UID: "u1", Node: ""},
	} {
		t.Run(name, func(t *testing.T) {
			atDesk(t, func(t *testing.T, d *desk) {
				if err := d.Bind(t.Context(), bad); err == nil || !strings.Contains(err.Error(), "podUID and node") {
					t.Errorf("bind ended with %v", err)
				}
			})
		})
	}
}

func TestStaleCacheIsLookedAtAgainLive(t *testing.T) {
	atDesk(t, func(t *testing.T, d *desk) {
		d.pods.cached = podNamed("u0") // scenario 20: made anew since
		if err := d.Bind(t.Context(), target); err != nil {
			t.Fatal(err)
		}
	})
}

func TestForeignPods(t *testing.T) {
	foreign := podNamed("u1", func(p *corev1.Pod) { p.Spec.SchedulerName = "default-scheduler" })
	for name, refuse := range map[string]bool{"passed through": false, "refused": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDesk(Options{SchedulerName: scheduler, Timeout: time.Second, RefuseForeign: refuse})
				defer d.Drain()
				d.pods.cached = foreign
				err := d.Bind(t.Context(), target)
				if refuse != errors.Is(err, ErrForeign) || (!refuse && err != nil) {
					t.Errorf("bind ended with %v", err)
				}
				if bound := len(d.bindings.posted) == 1; bound == refuse {
					t.Errorf("posted %v", d.bindings.posted)
				}
				if len(d.reserver.requests)+len(d.reserver.settled) != 0 {
					t.Error("reserved for a foreign pod")
				}
			})
		})
	}
}

func TestBindingOutcomes(t *testing.T) {
	tests := map[string]struct {
		postErr  error
		fenceTo  string
		fenceErr error
		fenced   int
		outcome  reservation.Outcome
		want     error
	}{
		"scenario 13 stands":              {nil, "", nil, 0, reservation.PodBound, nil},
		"scenario 14 elsewhere":           {kube.ErrBoundElsewhere, "", nil, 0, reservation.PodRefused, ErrElsewhere},
		"the pod is gone":                 {kube.ErrPodGone, "", nil, 0, reservation.PodRefused, ErrEnded},
		"scenario 15 lost, stored":        {errDown, "node-1", nil, 1, reservation.PodBound, nil},
		"scenario 15 lost, not stored":    {errDown, "", nil, 1, reservation.PodRefused, errDown},
		"scenario 15 lost, elsewhere":     {errDown, "node-2", nil, 1, reservation.PodRefused, ErrElsewhere},
		"scenario 15 lost, pod gone":      {errDown, "", kube.ErrPodGone, 1, reservation.PodRefused, ErrEnded},
		"scenario 15 lost, nothing known": {errDown, "", errors.New("still down"), 1, reservation.Undecided, errDown},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			atDesk(t, func(t *testing.T, d *desk) {
				d.bindings.postErr, d.bindings.fenceTo, d.bindings.fenceErr = tt.postErr, tt.fenceTo, tt.fenceErr
				if err := d.Bind(t.Context(), target); !errors.Is(err, tt.want) {
					t.Errorf("bind ended with %v, want %v", err, tt.want)
				}
				if diff := cmp.Diff([]reservation.Outcome{tt.outcome}, d.reserver.settled); diff != "" {
					t.Errorf("settled (-want +got):\n%s", diff)
				}
				if d.bindings.fenced != tt.fenced {
					t.Errorf("fenced %d times, want %d", d.bindings.fenced, tt.fenced)
				}
			})
		})
	}
}

// The fence has time of its own after a Binding that used up the bind's.
func TestScenario15BindingTimesOut(t *testing.T) {
	atDesk(t, func(t *testing.T, d *desk) {
		d.bindings.hangs, d.bindings.fenceTo = true, "node-1"
		start := time.Now()
		if err := d.Bind(t.Context(), target); err != nil {
			t.Fatalf("bind ended with %v although the pod is bound", err)
		}
		if took := time.Since(start); took != d.opts.Timeout {
			t.Errorf("bind took %s, want %s", took, d.opts.Timeout)
		}
	})
}

func TestScenario30LeaseLostBeforeTheBinding(t *testing.T) {
	atDesk(t, func(t *testing.T, d *desk) {
		d.reserver.hold = make(chan struct{})
		result := d.start(t.Context(), target)
		d.leading = false
		close(d.reserver.hold)
		if err := <-result; !errors.Is(err, ErrNotLeading) {
			t.Errorf("bind ended with %v", err)
		}
		if len(d.bindings.posted) != 0 {
			t.Error("posted without the lease")
		}
		// The new leader adopts the reservation: it is not released here.
		if diff := cmp.Diff([]reservation.Outcome{reservation.Undecided}, d.reserver.settled); diff != "" {
			t.Errorf("settled (-want +got):\n%s", diff)
		}
	})
}

func TestScenario16DuplicateBindJoins(t *testing.T) {
	atDesk(t, func(t *testing.T, d *desk) {
		d.reserver.hold = make(chan struct{})
		first, second := d.start(t.Context(), target), d.start(t.Context(), target)
		close(d.reserver.hold)
		if err := errors.Join(<-first, <-second); err != nil {
			t.Fatal(err)
		}
		if len(d.reserver.requests) != 1 || len(d.bindings.posted) != 1 {
			t.Errorf("reserved %d times and posted %d Bindings, want one each", len(d.reserver.requests), len(d.bindings.posted))
		}
	})
}

func TestScenario16ErrorReachesEveryCaller(t *testing.T) {
	atDesk(t, func(t *testing.T, d *desk) {
		d.reserver.hold, d.reserver.err = make(chan struct{}), errDown
		first, second := d.start(t.Context(), target), d.start(t.Context(), target)
		close(d.reserver.hold)
		if a, b := <-first, <-second; !errors.Is(a, errDown) || !errors.Is(b, errDown) {
			t.Errorf("binds ended with %v and %v", a, b)
		}
	})
}

func TestScenario17RetryNamesAnotherNode(t *testing.T) {
	other := Target{Namespace: "default", Name: "web", UID: "u1", Node: "node-2"}
	tests := map[string]struct {
		first error
		want  error
		nodes []string
	}{
		"the first bind succeeds": {nil, ErrElsewhere, []string{"node-1"}},
		"the first bind fails":    {errDown, nil, []string{"node-2"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			atDesk(t, func(t *testing.T, d *desk) {
				d.reserver.hold, d.reserver.err = make(chan struct{}), tt.first
				first, second := d.start(t.Context(), target), d.start(t.Context(), other)
				if len(d.reserver.requests) != 1 {
					t.Fatal("two binds of one pod reserve at once")
				}
				hold := d.reserver.hold
				d.reserver.mu.Lock()
				d.reserver.hold, d.reserver.err = nil, nil
				d.reserver.mu.Unlock()
				close(hold)
				if err := <-first; !errors.Is(err, tt.first) {
					t.Errorf("first bind ended with %v, want %v", err, tt.first)
				}
				if err := <-second; !errors.Is(err, tt.want) {
					t.Errorf("second bind ended with %v, want %v", err, tt.want)
				}
				if diff := cmp.Diff(tt.nodes, d.bindings.posted); diff != "" {
					t.Errorf("posted (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestScenario18CallerHangsUp(t *testing.T) {
	atDesk(t, func(t *testing.T, d *desk) {
		d.reserver.hold = make(chan struct{})
		ctx, hangUp := context.WithCancel(t.Context())
		result := d.start(ctx, target)
		hangUp()
		if err := <-result; !errors.Is(err, context.Canceled) {
			t.Fatalf("caller was told %v", err)
		}
		again := d.start(t.Context(), target) // joins the work that goes on
		close(d.reserver.hold)
		if err := <-again; err != nil {
			t.Fatal(err)
		}
		if len(d.reserver.requests) != 1 || len(d.bindings.posted) != 1 {
			t.Errorf("reserved %d times, posted %d Bindings", len(d.reserver.requests), len(d.bindings.posted))
		}
	})
}

func TestBindEndsWithinItsTimeout(t *testing.T) {
	atDesk(t, func(t *testing.T, d *desk) {
		d.reserver.hold = make(chan struct{})
		start := time.Now()
		err := d.Bind(t.Context(), target)
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != d.opts.Timeout {
			t.Errorf("bind ended with %v after %s, want a timeout after %s", err, time.Since(start), d.opts.Timeout)
		}
		if diff := cmp.Diff(map[string]uint64{"timeout": 1}, d.counted(t)); diff != "" {
			t.Errorf("counted (-want +got):\n%s", diff)
		}
	})
}

func TestDrainWaitsForBindsOfCallersThatLeft(t *testing.T) {
	atDesk(t, func(t *testing.T, d *desk) {
		d.reserver.hold = make(chan struct{})
		ctx, hangUp := context.WithCancel(t.Context())
		result := d.start(ctx, target)
		hangUp()
		<-result
		drained := make(chan struct{})
		go func() { d.Drain(); close(drained) }()
		synctest.Wait()
		select {
		case <-drained:
			t.Fatal("drained with a bind in flight")
		default:
		}
		close(d.reserver.hold)
		<-drained
		if len(d.bindings.posted) != 1 {
			t.Error("the bind in flight was not finished")
		}
	})
}

// A call that comes while the replica shuts down must not start what nobody
// waits for any more.
func TestNoBindStartsAfterDrain(t *testing.T) {
	atDesk(t, func(t *testing.T, d *desk) {
		d.Drain()
		err := d.Bind(t.Context(), Target{Namespace: "default", Name: "web", UID: "u1", Node: "node-1"})
		if !errors.Is(err, ErrNotLeading) {
			t.Errorf("error %v, want %v", err, ErrNotLeading)
		}
	})
}
