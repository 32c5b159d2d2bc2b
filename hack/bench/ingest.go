package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/mesos/mesos-go/api/v1/lib/encoding"
	"github.com/mesos/mesos-go/api/v1/lib/encoding/codecs"
	"github.com/mesos/mesos-go/api/v1/lib/encoding/framing"
	"github.com/mesos/mesos-go/api/v1/lib/recordio"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/kube-mesos-extender/kube-mesos-extender/hack/bench/kubestub"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/app"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/config"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/kube"
)

const (
	ingestPairs = 9
	// maxRecord bounds one event; mesos-go's own limit of 4 MiB is too low.
	maxRecord = 256 << 20
)

// ingest compares a daemon that starts, from its SUBSCRIBE until an offer of
// every agent is in the snapshot, with mesos-go decoding the same bytes.
func ingest(agents int) func(context.Context, *environment) (result, error) {
	return func(ctx context.Context, e *environment) (result, error) {
		return ingestPairsOf(ctx, e, agents, ingestPairs)
	}
}

func ingestPairsOf(ctx context.Context, e *environment, agents, n int) (result, error) {
	s, err := capture(ctx, agents)
	if err != nil {
		return result{}, fmt.Errorf("record the offers of %d agents: %w", agents, err)
	}
	nodes := &crowd{options: crowdOptions{agents: agents}}
	stub, err := kubestub.Start(nodes.nodes)
	if err != nil {
		return result{}, err
	}
	defer func() { _ = stub.Close() }()
	client, err := connect(stub, e.cache("ingest"))
	if err != nil {
		return result{}, err
	}
	var pairs []pair
	for i := range n {
		ours, err := ingestOnce(ctx, client, s, agents)
		if err != nil {
			return result{}, err
		}
		reference, err := decodeOnce(s.offers)
		if err != nil {
			return result{}, err
		}
		e.logf("pair %d: ours %.0f ms, mesos-go %.0f ms", i+1, ours*1000, reference*1000)
		pairs = append(pairs, pair{ours * 1000, reference * 1000})
	}
	r := medianPair(pairs)
	r.details.add("bytes", float64(len(s.offers)))
	r.details.add("ns/offer", r.ours*1e6/float64(agents))
	r.details.add("reference ns/offer", r.reference*1e6/float64(agents))
	return r, nil
}

// connect makes a client of the stub.
func connect(stub *kubestub.Server, dir string) (kubernetes.Interface, error) {
	file := filepath.Join(dir, "kubeconfig")
	if err := errors.Join(os.MkdirAll(dir, 0o750), os.WriteFile(file, []byte(stub.Kubeconfig()), 0o600)); err != nil {
		return nil, err
	}
	client, _, err := kube.Connect(file, zap.NewNop())
	return client, err
}

// ingestOnce starts a daemon within this process, so that both sides share its
// garbage collector, and returns how many seconds it took to take everything in.
func ingestOnce(ctx context.Context, client kubernetes.Interface, s *recording, agents int) (float64, error) {
	master := newReplay(s)
	defer master.close()
	cfg := config.Default()
	cfg.ClusterID = "bench"
	cfg.Mesos.Masters = []string{master.server.URL}
	cfg.Offers.IdleHold = metav1.Duration{Duration: forever}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	registry := prometheus.NewRegistry()
	daemon, err := app.NewWith(cfg, client, zap.NewNop(), app.Options{Listener: listener, Registry: registry})
	if err != nil {
		return 0, err
	}
	runtime.GC()
	ctx, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- daemon.Run(ctx) }()
	took, err := master.measure(ctx, func() bool { return heldBy(registry) >= float64(agents) })
	stop()
	return took, errors.Join(err, <-ended)
}

// heldBy is how many offers the daemon holds.
func heldBy(registry prometheus.Gatherer) float64 {
	families, err := registry.Gather()
	if err != nil {
		return 0
	}
	for _, family := range families {
		if family.GetName() == "mesos_extender_offers_held" {
			return family.GetMetric()[0].GetGauge().GetValue()
		}
	}
	return 0
}

// decodeOnce decodes all records with mesos-go alone and returns the seconds.
func decodeOnce(data []byte) (float64, error) {
	runtime.GC()
	began := time.Now()
	records := recordio.NewReader(bytes.NewReader(data), recordio.MaxMessageSize(maxRecord))
	decoder := codecs.ByMediaType[codecs.MediaTypeProtobuf].NewDecoder(encoding.Source(func() framing.Reader { return records }))
	var kept []*scheduler.Event
	for {
		event := new(scheduler.Event)
		if err := decoder.Decode(event); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return 0, err
		}
		kept = append(kept, event)
	}
	took := time.Since(began).Seconds()
	if len(kept) == 0 {
		return 0, errors.New("nothing was decoded")
	}
	return took, nil
}
