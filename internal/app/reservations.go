package app

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/clock"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/config"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/kube"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/listing"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/mesos"
)

// Reservations lists every reservation of the configured cluster without a
// running daemon: from the leading master's agent list and the kube-apiserver.
// Nothing is subscribed to or changed. See listing.Read for errors.
func Reservations(ctx context.Context, cfg *config.Config, log *zap.Logger) ([]listing.Reservation, error) {
	kube.BridgeKlog(log)
	client, _, err := kube.Connect(cfg.Kubernetes.Kubeconfig, log)
	if err != nil {
		return nil, err
	}
	return ReservationsFrom(ctx, cfg, client, log, Options{})
}

// ReservationsFrom is Reservations with a client and options.
func ReservationsFrom(ctx context.Context, cfg *config.Config, client kubernetes.Interface,
	log *zap.Logger, options Options,
) ([]listing.Reservation, error) {
	connection, err := connection(cfg.Mesos, options)
	if err != nil {
		return nil, err
	}
	// The metrics of one call have nobody to read them.
	master, err := mesos.New(connection, log, prometheus.NewRegistry(), clock.RealClock{})
	if err != nil {
		return nil, err
	}
	pods, err := kube.NewPods(client, cfg.SchedulerName, log) // stands still: only live reads are made
	if err != nil {
		return nil, err
	}
	return listing.Read(ctx, cfg.ClusterID, listing.Sources{
		Agents: master.Agents, Pods: pods.ListLive, Pod: pods.Live,
		Nodes: func(ctx context.Context, agents []mesos.Agent) (*kube.NodeMap, error) {
			return kube.MapNodes(ctx, client, identities(agents))
		},
	})
}
