package server

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/filter"
)

type metrics struct {
	duration     *prometheus.HistogramVec
	size         *prometheus.HistogramVec
	inFlight     *prometheus.GaugeVec
	refusedNodes *prometheus.CounterVec
	panics       prometheus.Counter
}

func newMetrics(registerer prometheus.Registerer) *metrics {
	m := &metrics{
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "mesos_extender_request_duration_seconds",
			Help:    "Time to answer kube-scheduler, by verb and outcome.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}, []string{"verb", "outcome"}),
		size: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "mesos_extender_request_size_bytes",
			Help:    "Size of the bodies that kube-scheduler sent, by verb.",
			Buckets: prometheus.ExponentialBuckets(1<<10, 8, 6),
		}, []string{"verb"}),
		inFlight: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "mesos_extender_requests_in_flight",
			Help: "Calls of kube-scheduler that are being answered, by verb.",
		}, []string{"verb"}),
		refusedNodes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "mesos_extender_refused_nodes_total",
			Help: "Nodes that filter refused, by reason.",
		}, []string{"reason"}),
		panics: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "mesos_extender_request_panics_total",
			Help: "Calls that ended in a panic of the extender.",
		}),
	}
	registerer.MustRegister(m.duration, m.size, m.inFlight, m.refusedNodes, m.panics)
	return m
}

// verbMetrics are the metrics of one verb.
type verbMetrics struct {
	duration prometheus.ObserverVec
	size     prometheus.Observer
	inFlight prometheus.Gauge
}

func (m *metrics) verb(name string) verbMetrics {
	return verbMetrics{
		duration: m.duration.MustCurryWith(prometheus.Labels{"verb": name}),
		size:     m.size.WithLabelValues(name),
		inFlight: m.inFlight.WithLabelValues(name),
	}
}

func (v verbMetrics) observe(o outcome, took time.Duration, bytes int) {
	v.duration.WithLabelValues(string(o)).Observe(took.Seconds())
	v.size.Observe(float64(bytes))
}

func (m *metrics) refused(reasons map[filter.Reason]int) {
	for reason, nodes := range reasons {
		m.refusedNodes.WithLabelValues(string(reason)).Add(float64(nodes))
	}
}

func metricsHandler(gatherer prometheus.Gatherer) http.Handler {
	return promhttp.HandlerFor(gatherer, promhttp.HandlerOpts{})
}
