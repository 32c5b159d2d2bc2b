package bind

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/utils/clock"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/offercache"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/reservation"
)

type metrics struct {
	duration *prometheus.HistogramVec
	// own is the extender's own share of each bind that ended well: its duration
	// less the time that it waited for others. Those are Mesos, as
	// reservation.Manager.Reserve tells, and the kube-apiserver: reading the pod
	// (from the cache, as a rule) and posting the Binding, from the call to its
	// return. What is left is taking the hold, handing it to the sender and the
	// ACCEPT to the client, waking up after each answer, and waiting for a CPU
	// meanwhile. Reading the call and writing its answer is the server's, and so
	// is not in it, nor in duration.
	own prometheus.Histogram
}

// waits is the time that one bind has waited for others.
type waits struct{ sum time.Duration }

// since adds what has passed since then.
func (w *waits) since(clk clock.PassiveClock, then time.Time) { w.sum += clk.Since(then) }

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "mesos_extender_bind_duration_seconds",
		Help:    "Time of a bind from the call to the answer, by outcome.",
		Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
	}, []string{"outcome"}), own: prometheus.NewHistogram(prometheus.HistogramOpts{
		Name:    "mesos_extender_bind_own_seconds",
		Help:    "Time of a bind that ended well, without what it waited for Mesos and the kube-apiserver.",
		Buckets: []float64{.00005, .0001, .00025, .0005, .001, .0015, .002, .003, .005, .01, .025, .05, .1, .25, 1},
	})}
	reg.MustRegister(m.duration, m.own)
	return m
}

func (m *metrics) observe(err error, took, own time.Duration) {
	m.duration.WithLabelValues(outcomeOf(err)).Observe(took.Seconds())
	if err == nil {
		m.own.Observe(max(own, 0).Seconds())
	}
}

// outcomes names the errors of a bind for the metric, first match first.
var outcomes = []struct {
	err  error
	name string
}{
	{ErrUnknownPod, "unknown_pod"},
	{ErrOtherPod, "uid_mismatch"},
	{ErrEnded, "pod_ended"},
	{ErrForeign, "foreign_pod"},
	{ErrElsewhere, "bound_elsewhere"},
	{reservation.ErrBoundElsewhere, "bound_elsewhere"},
	{ErrNoAgent, "no_agent"},
	{ErrNotLeading, "not_leading"},
	{reservation.ErrWithdrawn, "offers_withdrawn"},
	{reservation.ErrNotReserved, "not_reserved"},
	{reservation.ErrReleased, "released"},
	{context.DeadlineExceeded, "timeout"},
}

func outcomeOf(err error) string {
	if err == nil {
		return "bound"
	}
	if short := (*offercache.ShortError)(nil); errors.As(err, &short) {
		return "insufficient_offers"
	}
	for _, o := range outcomes {
		if errors.Is(err, o.err) {
			return o.name
		}
	}
	return "error"
}
