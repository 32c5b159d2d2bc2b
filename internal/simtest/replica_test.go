package simtest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/app"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/config"
)

const (
	cluster       = "sim"
	schedulerName = "mesos-scheduler"
	role          = "kubernetes"
	principal     = "extender"
)

// process is one life of one replica of the daemon.
type process struct {
	name     string // such as A1: the first life of replica A
	app      *app.App
	link     *link
	gate     *gate
	listener *memoryListener
	cancel   context.CancelFunc
	ended    chan struct{}  // closed when Run has returned
	crashed  chan struct{}  // closed when it was killed
	busy     sync.WaitGroup // calls of kube-scheduler
	illegal  atomic.Int64   // transitions that the log tells of
}

// configuration has the proportions of the default one, but shorter times.
func configuration(master string) *config.Config {
	cfg := config.Default()
	cfg.ClusterID, cfg.SchedulerName = cluster, schedulerName
	cfg.Mesos.Masters, cfg.Mesos.Roles = []string{master}, []string{role}
	cfg.Mesos.Framework.Principal = principal
	cfg.Mesos.CallTimeout = seconds(3)
	cfg.Mesos.Backoff.Min, cfg.Mesos.Backoff.Max = seconds(0.1), seconds(1)
	cfg.Mesos.MissedHeartbeats = 3
	lease := &cfg.Kubernetes.Lease
	lease.LeaseDuration, lease.RenewDeadline, lease.RetryPeriod = seconds(3), seconds(2), seconds(0.5)
	cfg.Offers.IdleHold, cfg.Offers.MaxHold, cfg.Offers.PendingRefuse = seconds(2), seconds(4), seconds(2)
	cfg.Bind.Rush = 2 // so that there is one in most histories
	cfg.Bind.Timeout, cfg.Bind.ConfirmTimeout, cfg.Bind.RemainderWait = seconds(6), seconds(2), seconds(2)
	cfg.Release.OrphanGrace, cfg.Release.UnboundGrace = seconds(3), seconds(10)
	cfg.Release.OperatorAfter, cfg.Release.SweepInterval = seconds(4), seconds(8)
	cfg.Release.Linger = seconds(1)
	if *grace > 0 {
		cfg.Release.OrphanGrace.Duration, cfg.Release.UnboundGrace.Duration = *grace, *grace
	}
	return cfg
}

func seconds(s float64) metav1.Duration {
	return metav1.Duration{Duration: time.Duration(s * float64(time.Second))}
}

// launch starts a process of the daemon.
func (w *world) launch(name string) (*process, error) {
	p := &process{
		name: name, link: newLink(w.network), gate: newGate(w.api, name), listener: newMemoryListener(),
		ended: make(chan struct{}), crashed: make(chan struct{}),
	}
	log := zap.New(&logCore{story: w.story, who: name, level: w.level, seen: p.listen})
	var err error
	p.app, err = app.NewWith(configuration(w.sim.URL()), p.gate, log, app.Options{
		Listener: p.listener, Dial: p.link.dial, Clock: &unevenClock{luck: w.luck},
		Registry: prometheus.NewRegistry(), // the usual metrics ask the operating system
		Jitter:   func(limit time.Duration) time.Duration { return w.dice.between(name+" backoff", 0, limit) },
	})
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	p.cancel = cancel
	go func() {
		defer close(p.ended)
		err := p.app.Run(ctx)
		w.story.tell("%s ended: %v", name, err)
	}()
	return p, nil
}

// listen watches the log for what must never be logged.
func (p *process) listen(entry zapcore.Entry) {
	if entry.Message == "reservation not moved" {
		p.illegal.Add(1)
	}
}

// kill ends the process as SIGKILL does: from now on nothing it does reaches
// anybody. What it has sent already may still arrive.
func (p *process) kill() {
	close(p.crashed)
	p.gate.sever()
	p.link.sever()
	p.cancel()
}

func (p *process) running() bool {
	select {
	case <-p.ended:
		return false
	case <-p.crashed:
		return false
	default:
		return true
	}
}

var (
	errDied      = errors.New("connection reset by the extender")
	errNoReplica = errors.New("no endpoints for the extender")
)

// serve has the process answer an HTTP request, as long as it lives.
func (p *process) serve(ctx context.Context, request *http.Request) (*httptest.ResponseRecorder, error) {
	recorder := httptest.NewRecorder()
	answered := make(chan struct{})
	p.busy.Go(func() {
		defer close(answered)
		p.app.Handler().ServeHTTP(recorder, request.WithContext(ctx))
	})
	select {
	case <-answered:
		return recorder, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-p.crashed:
		return nil, errDied
	}
}

// post calls a verb.
func (p *process) post(ctx context.Context, verb string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	request := httptest.NewRequest(http.MethodPost, "/"+verb, bytes.NewReader(body))
	request.Header.Set("Content-Type", "application/json")
	recorder, err := p.serve(ctx, request)
	if err != nil {
		return err
	}
	if recorder.Code != http.StatusOK {
		return fmt.Errorf("%s: status %d: %s", verb, recorder.Code, strings.TrimSpace(recorder.Body.String()))
	}
	return json.Unmarshal(recorder.Body.Bytes(), out)
}

// ready is what the kubelet's probe says.
func (p *process) ready() bool {
	if !p.running() {
		return false
	}
	recorder, err := p.serve(context.Background(), httptest.NewRequest(http.MethodGet, "/readyz", nil))
	return err == nil && recorder.Code == http.StatusOK
}

// metrics returns the values of the daemon's own metrics.
func (p *process) metrics() (map[string]float64, error) {
	recorder, err := p.serve(context.Background(), httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if err != nil {
		return nil, err
	}
	values := map[string]float64{}
	for text := range strings.Lines(recorder.Body.String()) {
		text = strings.TrimSpace(text)
		space := strings.LastIndex(text, " ")
		if !strings.HasPrefix(text, "mesos_extender_") || space < 0 {
			continue
		}
		name, value := text[:space], text[space+1:]
		var number float64
		if _, err := fmt.Sscan(value, &number); err != nil {
			return nil, fmt.Errorf("metric %q: %w", text, err)
		}
		values[name] = number
	}
	return values, nil
}
