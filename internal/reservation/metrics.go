package reservation

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/mesos"
)

// metrics of the book. Gauges are read from it at each scrape.
type metrics struct {
	illegal    prometheus.Counter
	adopted    prometheus.Counter
	lost       prometheus.Counter
	handovers  prometheus.Counter
	former     prometheus.Counter
	audits     *prometheus.CounterVec
	statuses   *prometheus.CounterVec
	resizes    *prometheus.CounterVec
	operations *prometheus.HistogramVec
}

const prefix = "mesos_extender_"

func newMetrics(reg prometheus.Registerer, m *Manager) *metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: prefix + name, Help: help})
	}
	x := &metrics{
		illegal: counter("reservation_illegal_transitions_total", "Transitions of reservations that must not happen."),
		adopted: counter("reservations_adopted_total", "Reservations of earlier lives that were found in Mesos."),
		lost:    counter("reservations_lost_total", "Reservations that an agent lost while their pod held them."),
		former: counter("reservations_of_former_principals_total",
			"Pods' reservations with our label that were left alone because another principal made them."),
		handovers: counter("handovers_total",
			"Reservations unreserved in one ACCEPT with the RESERVE of a pod that needs what they free."),
		audits: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: prefix + "reservation_audits_total", Help: "Comparisons with the master's agent list by outcome.",
		}, []string{"outcome"}),
		statuses: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: prefix + "operation_statuses_total", Help: "Operation statuses received by state.",
		}, []string{"state"}),
		resizes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: prefix + "reservation_resizes_total", Help: "Reservations that followed their pod's request, by direction.",
		}, []string{"direction"}),
		operations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: prefix + "operation_duration_seconds", Help: "Time from ACCEPT to the outcome of an operation.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}, []string{"type", "outcome"}),
	}
	reg.MustRegister(x.illegal, x.adopted, x.lost, x.handovers, x.former, x.audits, x.statuses, x.resizes, x.operations, &bookCollector{m})
	return x
}

func (x *metrics) operation(kind mesos.OperationType, outcome string, took time.Duration) {
	name := "reserve"
	if kind == mesos.Unreserve {
		name = "unreserve"
	}
	x.operations.WithLabelValues(name, outcome).Observe(took.Seconds())
}

// bookCollector reports the number and the greatest age of reservations by state.
type bookCollector struct{ m *Manager }

var (
	countDesc = prometheus.NewDesc(prefix+"reservations", "Reservations by state.", []string{"state"}, nil)
	ageDesc   = prometheus.NewDesc(prefix+"reservation_oldest_seconds",
		"Time that the oldest reservation has been in its state.", []string{"state"}, nil)
)

// Describe implements prometheus.Collector.
func (c *bookCollector) Describe(out chan<- *prometheus.Desc) { out <- countDesc; out <- ageDesc }

// Collect implements prometheus.Collector.
func (c *bookCollector) Collect(out chan<- prometheus.Metric) {
	count, oldest := map[State]int{}, map[State]time.Duration{}
	c.m.mu.Lock()
	for _, r := range c.m.records {
		count[r.state]++
		oldest[r.state] = max(oldest[r.state], c.m.clock.Since(r.since))
	}
	c.m.mu.Unlock()
	for s := Held; s < Gone; s++ {
		out <- prometheus.MustNewConstMetric(countDesc, prometheus.GaugeValue, float64(count[s]), s.String())
		out <- prometheus.MustNewConstMetric(ageDesc, prometheus.GaugeValue, oldest[s].Seconds(), s.String())
	}
}
