package bind

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/offercache"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/reservation"
)

type metrics struct{ duration *prometheus.HistogramVec }

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "mesos_extender_bind_duration_seconds",
		Help:    "Time of a bind from the call to the answer, by outcome.",
		Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
	}, []string{"outcome"})}
	reg.MustRegister(m.duration)
	return m
}

func (m *metrics) observe(err error, took time.Duration) {
	m.duration.WithLabelValues(outcomeOf(err)).Observe(took.Seconds())
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
