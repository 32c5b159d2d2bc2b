package server

import (
	"errors"

	"go.uber.org/zap"
	corev1 "k8s.io/api/core/v1"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/filter"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/logkeys"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

// filter answers which of the nodes the pod can go to.
func (s *Server) filter(c *call) (any, error) {
	a, err := c.args()
	if err != nil {
		return nil, err
	}
	if !s.deps.Cluster.Ours(a.pod) {
		c.outcome = foreign
		return a.result(filter.Verdict{Fits: a.names.CopyAll()}), nil
	}
	request, err := s.deps.Cluster.Request(a.pod)
	if reason, unfit := refusal(err); unfit {
		return s.decided(c, a, filter.RefuseAll(a.names, reason)), nil
	}
	if err != nil {
		c.outcome = badPod
		c.log().Info("pod cannot be read", append(podFields(a.pod), zap.Error(err))...)
		return filterResult{failed: err.Error()}, nil
	}
	verdict := filter.Filter(s.view(), request, a.names, s.choice(a.pod))
	switch {
	case verdict.Fitting > 0:
		s.deps.Waiting.Fits(request.PodUID)
	case a.names.Len() > 0:
		s.deps.Waiting.Refused(a.pod, request, verdict)
	}
	return s.decided(c, a, verdict), nil
}

// choice says how many of the nodes that fit are named.
func (s *Server) choice(pod *corev1.Pod) filter.Choice {
	if s.options.Candidates == 0 || filter.HasPreferences(pod) {
		return filter.Choice{}
	}
	choice := filter.Choice{
		Strategy: s.options.Strategy, Candidates: s.options.Candidates, Tolerant: filter.ToleratesAvoided(pod),
	}
	if s.options.SoleCandidate && !choice.Tolerant && !filter.SpreadByDefault(pod) {
		choice.Candidates = 1
	}
	return choice
}

// view is the cluster's view, closed while the daemon is not ready.
func (s *Server) view() filter.View {
	view := s.deps.Cluster.View()
	if view.Closed == "" && s.deps.Ready.Ready() != nil {
		view.Closed = filter.NotReady
	}
	return view
}

// refusal returns the reason if err refuses the pod on every node. That is an
// answer and not a failure: the scheduler would try again and again after one.
func refusal(err error) (filter.Reason, bool) {
	if r := (*filter.Refusal)(nil); errors.As(err, &r) {
		return r.Reason, true
	}
	if u := (*resources.UnsupportedError)(nil); errors.As(err, &u) {
		return filter.Unsupported, true
	}
	return "", false
}

// decided encodes a verdict, and has it counted and logged afterwards:
// kube-scheduler places one pod after the other and waits for the answer only.
func (s *Server) decided(c *call, a args, v filter.Verdict) filterResult {
	if v.Fitting == 0 {
		c.outcome = refused
	}
	took := s.deps.Clock.Since(c.started)
	c.later = func() {
		s.metrics.refused(v.Reasons)
		fields := append(podFields(a.pod), zap.Int(logkeys.Fits, v.Fitting), zap.Int(logkeys.Refused, v.Refused()),
			zap.Float64(logkeys.Duration, took.Seconds()))
		if v.Fitting == 0 && len(v.Reasons) > 0 {
			fields = append(fields, zap.String(logkeys.Reason, string(commonest(v.Reasons))))
		}
		c.log().Info("pod filtered", fields...)
	}
	return a.result(v)
}

// commonest returns the reason of most nodes, the first in text order of
// several.
func commonest(reasons map[filter.Reason]int) filter.Reason {
	var most filter.Reason
	for reason, n := range reasons {
		if n > reasons[most] || (n == reasons[most] && reason < most) {
			most = reason
		}
	}
	return most
}

// result gives the nodes back in the form in which they came.
func (a args) result(v filter.Verdict) filterResult {
	result := filterResult{whole: a.nodes != nil, names: v.Fits, reasons: v.Unresolvable}
	if result.whole {
		result.nodes = a.whole(v.Fits)
	}
	if len(v.Unresolvable) > 0 {
		result.refused = a.names
	}
	return result
}

// whole returns the whole nodes of names, which are in the order of a.names.
func (a args) whole(names []string) []node {
	fits := make([]node, 0, len(names))
	for i := 0; i < len(a.nodes) && len(fits) < len(names); i++ {
		if string(a.names.At(i)) == names[len(fits)] {
			fits = append(fits, a.nodes[i])
		}
	}
	return fits
}

func podFields(pod *corev1.Pod) []zap.Field {
	return []zap.Field{
		zap.String(logkeys.Pod, pod.Namespace+"/"+pod.Name),
		zap.String(logkeys.PodUID, string(pod.UID)),
	}
}
