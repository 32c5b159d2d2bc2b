package kube

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/kube/kubetest"
)

// replica is one process that competes for the Lease.
type replica struct {
	*Lease
	stop context.CancelFunc
	led  chan struct{} // closed when lead starts
	over chan error    // what Run returned
	lost chan struct{} // closed when lead's context ends
	free chan struct{} // lead returns once it can receive
}

func newReplica(t *testing.T, cluster *kubetest.Cluster, identity string) *replica {
	t.Helper()
	lease, err := NewLease(cluster.Client(), LeaseOptions{Namespace: "system", Name: "extender", Identity: identity},
		zap.NewNop(), clock.RealClock{})
	if err != nil {
		t.Fatal(err)
	}
	return &replica{Lease: lease, led: make(chan struct{}), over: make(chan error, 1),
		lost: make(chan struct{}), free: make(chan struct{})}
}

// run starts the replica; lead ends when its context does and free is closed.
func (r *replica) run(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	r.stop = stop
	go func() {
		r.over <- r.Run(ctx, func(ctx context.Context) error {
			close(r.led)
			<-ctx.Done()
			close(r.lost)
			<-r.free
			return ctx.Err()
		})
	}()
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func readLease(t *testing.T, cluster *kubetest.Cluster) *coordinationv1.Lease {
	t.Helper()
	lease, err := cluster.Client().CoordinationV1().Leases("system").Get(t.Context(), "extender", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return lease
}

// pass lets time go by and everything that is due happen.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func TestSecondReplicaWaitsForTheFirstToFinish(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cluster := kubetest.New()
		first, second := newReplica(t, cluster, "first"), newReplica(t, cluster, "second")
		first.run(t)
		pass(time.Second)
		second.run(t)
		defer func() { second.stop(); close(second.free); <-second.over }()
		pass(time.Minute)
		if !first.IsLeader() || second.IsLeader() || closed(second.led) {
			t.Fatal("the first replica should lead, and only it")
		}

		first.stop()
		pass(10 * time.Second) // binds of the first are still finishing
		if !closed(first.lost) || closed(second.led) {
			t.Fatal("the second started before the first had finished")
		}
		close(first.free)
		if err := <-first.over; err != nil {
			t.Errorf("Run = %v after a clean stop", err)
		}
		pass(2 * time.Second)
		if !closed(second.led) || first.IsLeader() || !second.IsLeader() {
			t.Error("the released Lease was not taken over within 2 s")
		}
	})
}

func TestKilledLeaderIsReplacedWithinSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		holder, now := "killed", metav1.NowMicro()
		seconds := int32(DefaultLeaseDuration / time.Second)
		cluster := kubetest.New(&coordinationv1.Lease{
			ObjectMeta: metav1.ObjectMeta{Namespace: "system", Name: "extender", Annotations: map[string]string{FrameworkIDAnnotation: "framework-1"}},
			Spec:       coordinationv1.LeaseSpec{HolderIdentity: &holder, RenewTime: &now, AcquireTime: &now, LeaseDurationSeconds: &seconds},
		})
		second := newReplica(t, cluster, "second")
		second.run(t)
		defer func() { second.stop(); close(second.free); <-second.over }()
		pass(4 * time.Second)
		if closed(second.led) {
			t.Fatal("taken over before it had expired")
		}
		pass(4 * time.Second)
		if !closed(second.led) {
			t.Fatal("not taken over 8 s after the last renewal")
		}
		if id, err := second.FrameworkID(t.Context()); err != nil || id != "framework-1" {
			t.Errorf("framework ID = %q, %v; want the predecessor's", id, err)
		}
	})
}

func TestLeaseLostWhileTheKubeAPIServerIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cluster := kubetest.New()
		first := newReplica(t, cluster, "first")
		first.run(t)
		pass(time.Second)
		down := errors.New("connection refused")
		cluster.Fail("update", "leases", -1, down)
		cluster.Fail("get", "leases", -1, down)
		pass(DefaultLeaseDuration)
		if first.IsLeader() {
			t.Error("still leader when others may have taken over")
		}
		if !closed(first.lost) {
			t.Error("lead was not told")
		}
		close(first.free)
		if err := <-first.over; !errors.Is(err, ErrLeaseLost) {
			t.Errorf("Run = %v, want ErrLeaseLost", err)
		}
		cluster.Heal()
		if holder := readLease(t, cluster).Spec.HolderIdentity; holder == nil || *holder != "first" {
			t.Errorf("holder = %v; the Lease could not be released", holder)
		}
	})
}

func TestLeadEndsByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cluster := kubetest.New()
		broken := errors.New("framework failed over")
		err := newReplica(t, cluster, "first").Run(t.Context(), func(context.Context) error { return broken })
		if !errors.Is(err, broken) {
			t.Errorf("Run = %v, want %v", err, broken)
		}
		if holder := readLease(t, cluster).Spec.HolderIdentity; holder == nil || *holder != "" {
			t.Errorf("holder = %v, want the Lease released", holder)
		}
	})
}

func TestLeaseOptions(t *testing.T) {
	cases := map[string]LeaseOptions{
		"no name":            {Namespace: "system", Identity: "a"},
		"no namespace":       {Name: "extender", Identity: "a"},
		"no identity":        {Namespace: "system", Name: "extender"},
		"fractional seconds": {Namespace: "system", Name: "extender", Identity: "a", LeaseDuration: 5500 * time.Millisecond},
		"renewed too late":   {Namespace: "system", Name: "extender", Identity: "a", RenewDeadline: time.Minute},
		"retried too rarely": {Namespace: "system", Name: "extender", Identity: "a", RetryPeriod: 4 * time.Second},
	}
	for name, options := range cases {
		t.Run(name, func(t *testing.T) {
			if _, err := NewLease(kubetest.New().Client(), options, zap.NewNop(), clock.RealClock{}); err == nil {
				t.Error("accepted")
			}
		})
	}
}
