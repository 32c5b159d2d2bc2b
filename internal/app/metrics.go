package app

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/offercache"
)

// metrics of what no single part sees.
type metrics struct {
	loop     *prometheus.HistogramVec
	rescinds prometheus.Counter
	unusable prometheus.Gauge
	foreign  prometheus.Gauge
	unmapped prometheus.Gauge
}

func newMetrics(reg prometheus.Registerer, cache *offercache.Cache) *metrics {
	m := &metrics{
		loop: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "mesos_extender_event_loop_seconds",
			Help: "How long an event kept the Mesos event loop: what any event behind it had to wait.",
			// From a cheap event to one that others notice.
			Buckets: eventBuckets,
		}, []string{"event"}),
		rescinds: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "mesos_extender_rescinds_total", Help: "Offers that Mesos took back.",
		}),
		unusable: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "mesos_extender_agents_unusable", Help: "Agents that an operator drains or has deactivated.",
		}),
		foreign: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "mesos_extender_agents_shared", Help: "Agents on which somebody else has reservations in a role of ours, by agent and role.",
		}),
		unmapped: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "mesos_extender_agents_unmapped", Help: "Agents of the master that stand for no node: no pod goes there.",
		}),
	}
	gauge := func(name, help string, value func(offercache.Stats) int) prometheus.GaugeFunc {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "mesos_extender_" + name, Help: help},
			func() float64 { return float64(value(cache.Stats())) })
	}
	reg.MustRegister(m.loop, m.rescinds, m.unusable, m.foreign, m.unmapped,
		gauge("offers_held", "Offers in the cache.", func(s offercache.Stats) int { return s.Offers }),
		gauge("agents_offering", "Agents with offers in the cache.", func(s offercache.Stats) int { return s.Agents }),
		gauge("holds_waiting", "Binds that wait for an ACCEPT to leave.", func(s offercache.Stats) int { return s.HoldsWaiting }),
		gauge("holds_departed", "Binds whose ACCEPT has left.", func(s offercache.Stats) int { return s.HoldsDeparted }))
	return m
}
