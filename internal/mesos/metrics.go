package mesos

import (
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Values of the label code where there is no HTTP status.
const (
	codeNone    = "none"    // no answer
	codeRefused = "refused" // by the guard, not sent
)

type metrics struct {
	subscribed    prometheus.Gauge
	subscriptions prometheus.Counter
	watchdog      prometheus.Counter
	calls         *prometheus.CounterVec
	latency       *prometheus.HistogramVec
	events        *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	const prefix = "mesos_extender_mesos_"
	m := &metrics{
		subscribed: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: prefix + "subscribed", Help: "1 while subscribed to a Mesos master, else 0.",
		}),
		subscriptions: prometheus.NewCounter(prometheus.CounterOpts{
			Name: prefix + "subscriptions_total", Help: "Successful subscriptions.",
		}),
		watchdog: prometheus.NewCounter(prometheus.CounterOpts{
			Name: prefix + "watchdog_timeouts_total", Help: "Connections dropped because heartbeats were missed.",
		}),
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: prefix + "calls_total", Help: "Calls by type and HTTP status; none: no answer, refused: not sent.",
		}, []string{"type", "code"}),
		latency: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: prefix + "call_duration_seconds", Help: "Time until the answer's header.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2, 14),
		}, []string{"type"}),
		events: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: prefix + "events_total", Help: "Events received by type.",
		}, []string{"type"}),
	}
	for _, c := range []prometheus.Collector{m.subscribed, m.subscriptions, m.watchdog, m.calls, m.latency, m.events} {
		if err := reg.Register(c); err != nil {
			return nil, fmt.Errorf("register metrics of the Mesos connection: %w", err)
		}
	}
	return m, nil
}

func (m *metrics) call(kind, code string, took time.Duration) {
	m.calls.WithLabelValues(kind, code).Inc()
	if code != codeRefused {
		m.latency.WithLabelValues(kind).Observe(took.Seconds())
	}
}
