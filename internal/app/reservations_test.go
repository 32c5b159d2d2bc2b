package app

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"k8s.io/utils/clock"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/config"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/kube/kubetest"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/listing"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/mesos"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/mesossim"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

// reserver is a framework that reserves from its first offer and then leaves.
type reserver struct {
	mesosEvents
	offers   chan *resources.Offer
	statuses chan mesos.OperationStatus
}

func (r reserver) Subscribed(mesos.Subscription)           {}
func (r reserver) Disconnected(uint64, error)              {}
func (r reserver) Rescind(uint64, string)                  {}
func (r reserver) OperationStatus(s mesos.OperationStatus) { r.statuses <- s }
func (r reserver) Offers(_ uint64, offers []*resources.Offer) {
	for _, offer := range offers {
		r.offers <- offer
	}
}

// oneCPU reserves a CPU for a pod as the daemon does.
func oneCPU(cluster, pod string) mesos.Operation {
	return mesos.Operation{
		ID: "reserve-" + pod, Type: mesos.Reserve, Role: "kubernetes", Portions: []resources.Portion{{
			Vector: resources.Scalar(resources.CPUs, 1000),
			Layers: []resources.Layer{{Dynamic: true, Role: "kubernetes", Labels: []resources.Label{
				{Key: "kube-mesos-extender.io/cluster", Value: cluster},
				{Key: "kube-mesos-extender.io/namespace", Value: "default"},
				{Key: "kube-mesos-extender.io/pod", Value: pod},
				{Key: "kube-mesos-extender.io/pod-uid", Value: "uid-" + pod},
				{Key: "kube-mesos-extender.io/reserved-at", Value: "2026-01-02T03:04:05Z"},
			}}},
		}},
	}
}

// reserve has Mesos make reservations by a framework that leaves again.
func reserve(t *testing.T, cfg *config.Config, operations ...mesos.Operation) {
	t.Helper()
	settings, err := connection(cfg.Mesos, Options{})
	if err != nil {
		t.Fatal(err)
	}
	client, err := mesos.New(settings, zap.NewNop(), prometheus.NewRegistry(), clock.RealClock{})
	if err != nil {
		t.Fatal(err)
	}
	r := reserver{offers: make(chan *resources.Offer, 100), statuses: make(chan mesos.OperationStatus, 100)}
	ctx, leave := context.WithTimeout(t.Context(), 20*time.Second)
	gone := make(chan struct{})
	go func() { defer close(gone); _ = client.Run(ctx, "", r) }() // its calls tell whether it works
	defer func() { leave(); <-gone }()
	select {
	case offer := <-r.offers:
		accept := mesos.Accept{Generation: 1, OfferIDs: []string{offer.ID}, Operations: operations}
		if err := client.Accept(ctx, accept); err != nil {
			t.Fatal(err)
		}
	case <-ctx.Done():
		t.Fatal("no offer came")
	}
	for range operations {
		select {
		case s := <-r.statuses:
			if !s.Confirms() {
				t.Fatalf("not reserved: %+v", s)
			}
		case <-ctx.Done():
			t.Fatal("no status came")
		}
	}
}

// The list needs a master and a kube-apiserver, and no daemon.
func TestReservationsWithoutADaemon(t *testing.T) {
	sim, err := mesossim.Start(t.Context(), mesossim.Options{
		Agents:      []mesossim.AgentSpec{{Hostname: "node-1"}},
		MasterFlags: []string{"--registry=in_memory", "--allocation_interval=50ms"},
		OnCheck:     func(message string) { t.Errorf("a call killed the master: %s", message) },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := sim.Close(); err != nil {
			t.Error(err)
		}
	}()
	cluster := kubetest.New(newNode("node-1"), newPod("runs", on("node-1")), newPod("waits", nil), newPod("unrelated", nil))
	cfg := testConfig()
	cfg.Mesos.Masters, cfg.Mesos.Roles = []string{sim.URL()}, []string{"kubernetes"}
	reserve(t, cfg, oneCPU("berlin", "runs"), oneCPU("berlin", "waits"), oneCPU("paris", "theirs"), oneCPU("berlin", "gone"))
	got, err := ReservationsFrom(t.Context(), cfg, cluster.Client(), zap.NewNop(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	row := func(pod string, state listing.State, node string) listing.Reservation {
		return listing.Reservation{
			Namespace: "default", Pod: pod, UID: "uid-" + pod, State: state, ReservedAt: &at,
			AgentID: got[0].AgentID, Hostname: "node-1", Node: node, Role: "kubernetes", Resources: "cpus:1",
		}
	}
	want := []listing.Reservation{
		row("gone", listing.Orphan, ""), row("runs", listing.Bound, "node-1"), row("waits", listing.Unbound, ""),
	}
	if diff := cmp.Diff(want, got); diff != "" || got[0].AgentID == "" {
		t.Errorf("list (-want +got):\n%s", diff)
	}
	if wrote := cluster.Calls("create", "pods") + cluster.Calls("patch", "pods") + cluster.Calls("watch", "pods"); wrote > 0 {
		t.Errorf("%d calls that a list has no use for", wrote)
	}
	sim.KillMaster()
	if rows, err := ReservationsFrom(t.Context(), cfg, cluster.Client(), zap.NewNop(), Options{}); err == nil || rows != nil {
		t.Errorf("listed %v, %v of a master that is down", rows, err)
	}
}
