package demand

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	wakes    prometheus.Counter
	revives  prometheus.Counter
	declines *prometheus.CounterVec
}

const prefix = "mesos_extender_"

func newMetrics(reg prometheus.Registerer, m *Manager) *metrics {
	x := &metrics{
		wakes: prometheus.NewCounter(prometheus.CounterOpts{
			Name: prefix + "wakes_total", Help: "Refused pods woken because offers cover them.",
		}),
		revives: prometheus.NewCounter(prometheus.CounterOpts{
			Name: prefix + "revives_total", Help: "REVIVE calls sent.",
		}),
		declines: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: prefix + "declined_offers_total", Help: "Offers given back, by why.",
		}, []string{"why"}),
	}
	gauge := func(name, help string, count func() int) prometheus.GaugeFunc {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: prefix + name, Help: help}, func() float64 {
			m.mu.Lock()
			defer m.mu.Unlock()
			return float64(count())
		})
	}
	reg.MustRegister(x.wakes, x.revives, x.declines,
		gauge("pods_pending", "Opted-in pods without a node.", func() int { return len(m.pending) }),
		gauge("pods_refused", "Pending pods that no offers covered at their last attempt.", func() int { return len(m.refused) }))
	return x
}
