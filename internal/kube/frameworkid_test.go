package kube

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/kube/kubetest"
)

// leader runs a replica that leads until the test's bubble ends.
func leader(t *testing.T, cluster *kubetest.Cluster) (lead *replica, end func()) {
	t.Helper()
	lead = newReplica(t, cluster, "first")
	lead.run(t)
	pass(time.Second)
	if !lead.IsLeader() {
		t.Fatal("does not lead")
	}
	return lead, func() { lead.stop(); close(lead.free); <-lead.over }
}

func TestFrameworkIDSurvivesRenewals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cluster := kubetest.New()
		lead, end := leader(t, cluster)
		if id, err := lead.FrameworkID(t.Context()); err != nil || id != "" {
			t.Fatalf("framework ID = %q, %v before any was saved", id, err)
		}
		if err := lead.SaveFrameworkID(t.Context(), "framework-1"); err != nil {
			t.Fatal(err)
		}
		renewed := cluster.Calls("update", "leases")
		pass(time.Minute)
		if cluster.Calls("update", "leases") < renewed+50 || !lead.IsLeader() {
			t.Fatal("the Lease was not renewed every second")
		}
		if got := readLease(t, cluster).Annotations[FrameworkIDAnnotation]; got != "framework-1" {
			t.Errorf("after a minute of renewals the framework ID is %q", got)
		}
		end()
		if got := readLease(t, cluster).Annotations[FrameworkIDAnnotation]; got != "framework-1" {
			t.Errorf("after the release the framework ID is %q", got)
		}
	})
}

func TestFrameworkIDSurvivesTheLeasesDeletion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cluster := kubetest.New()
		lead, end := leader(t, cluster)
		defer end()
		if err := lead.SaveFrameworkID(t.Context(), "framework-1"); err != nil {
			t.Fatal(err)
		}
		if err := cluster.Client().CoordinationV1().Leases("system").Delete(t.Context(), "extender", metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		pass(3 * time.Second)
		if got := readLease(t, cluster).Annotations[FrameworkIDAnnotation]; got != "framework-1" || !lead.IsLeader() {
			t.Errorf("framework ID on the new Lease = %q, leader = %t", got, lead.IsLeader())
		}
	})
}

func TestSaveFrameworkID(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cluster := kubetest.New()
		lead, end := leader(t, cluster)
		defer end()
		standby := newReplica(t, cluster, "second")
		if err := standby.SaveFrameworkID(t.Context(), "framework-2"); !errors.Is(err, ErrNotLeader) {
			t.Errorf("saved by the standby: %v, want ErrNotLeader", err)
		}
		conflicts := cluster.Calls("update", "leases")
		cluster.Fail("update", "leases", 2, conflict())
		if err := lead.SaveFrameworkID(t.Context(), "framework-1"); err != nil {
			t.Errorf("saved against the elector's own writes: %v", err)
		}
		if got := cluster.Calls("update", "leases") - conflicts; got < 3 {
			t.Errorf("%d writes, want two refused and one that was not", got)
		}
		if err := lead.SaveFrameworkID(t.Context(), ""); err != nil {
			t.Fatal(err)
		}
		if got, ok := readLease(t, cluster).Annotations[FrameworkIDAnnotation]; ok {
			t.Errorf("framework ID = %q, want it removed", got)
		}
	})
}

func conflict() error {
	return apierrors.NewConflict(schema.GroupResource{Group: coordinationv1.GroupName, Resource: "leases"}, "extender", errors.New("the object has been modified"))
}
