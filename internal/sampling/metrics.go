package sampling

import "github.com/prometheus/client_golang/prometheus"

// What a write makes of the label.
const (
	none    = "none"
	removed = "removed"
)

func to(without bool) string {
	if without {
		return none
	}
	return removed
}

type metrics struct{ writes *prometheus.CounterVec }

func newMetrics(reg prometheus.Registerer, labelled func() int) *metrics {
	m := &metrics{writes: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "mesos_extender_node_label_writes_total",
		Help: "Labels of nodes without offers that were written, by what they became.",
	}, []string{"to"})}
	for _, to := range []string{none, removed} {
		m.writes.WithLabelValues(to)
	}
	reg.MustRegister(m.writes, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "mesos_extender_nodes_labelled",
		Help: "Nodes with the label that keeps them out of kube-scheduler's sample because they have no offers.",
	}, func() float64 { return float64(labelled()) }))
	return m
}
