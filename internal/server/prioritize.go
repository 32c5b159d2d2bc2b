package server

import (
	"go.uber.org/zap"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/filter"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/logkeys"
)

// prioritize rates the nodes from 0 to 10. The API has no place for an error
// in the result, so a pod that cannot be read gets 400; kube-scheduler then
// goes on without our scores.
func (s *Server) prioritize(c *call) (any, error) {
	a, err := c.args()
	if err != nil {
		return nil, err
	}
	scores, err := s.scores(c, a)
	if err != nil {
		return nil, err
	}
	c.log().Debug("nodes scored", append(podFields(a.pod),
		zap.Int(logkeys.Count, len(scores)),
		zap.Float64(logkeys.Duration, s.deps.Clock.Since(c.started).Seconds()))...)
	return priorities{a.names, a.plain, scores}, nil
}

func (s *Server) scores(c *call, a args) ([]int64, error) {
	if !s.deps.Cluster.Ours(a.pod) {
		c.outcome = foreign
		return make([]int64, a.names.Len()), nil
	}
	request, err := s.deps.Cluster.Request(a.pod)
	if _, unfit := refusal(err); unfit {
		c.outcome = refused
		return make([]int64, a.names.Len()), nil
	}
	if err != nil {
		return nil, malformed("Pod: %v", err)
	}
	return filter.Score(s.view(), request, a.names, s.options.Strategy), nil
}
