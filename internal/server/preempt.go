package server

import (
	"encoding/json"

	"go.uber.org/zap"
	corev1 "k8s.io/api/core/v1"
	extenderv1 "k8s.io/kube-scheduler/extender/v1"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/filter"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/logkeys"
)

// candidates are ExtenderPreemptionArgs, with victims by UID whichever form
// they came in.
type candidates struct {
	pod     *corev1.Pod
	victims map[string]*extenderv1.MetaVictims // by node
}

// preempt keeps the nodes on which the evictions would let the pod in.
func (s *Server) preempt(c *call) (any, error) {
	in, err := decodeCandidates(c.body)
	if err != nil {
		return nil, err
	}
	kept, err := s.keep(c, in)
	if err != nil {
		return nil, err
	}
	c.log().Info("evictions judged", append(podFields(in.pod),
		zap.Int(logkeys.Fits, len(kept)), zap.Int(logkeys.Refused, len(in.victims)-len(kept)),
		zap.Float64(logkeys.Duration, s.deps.Clock.Since(c.started).Seconds()))...)
	return extenderv1.ExtenderPreemptionResult{NodeNameToMetaVictims: kept}, nil
}

func (s *Server) keep(c *call, in candidates) (map[string]*extenderv1.MetaVictims, error) {
	if !s.deps.Cluster.Ours(in.pod) {
		c.outcome = foreign
		return in.victims, nil
	}
	request, err := s.deps.Cluster.Request(in.pod)
	kept := make(map[string]*extenderv1.MetaVictims, len(in.victims))
	if _, unfit := refusal(err); unfit {
		c.outcome = refused
		return kept, nil
	}
	if err != nil {
		return nil, malformed("Pod: %v", err)
	}
	for node := range filter.Preempt(s.view(), request, in.uids()) {
		kept[node] = in.victims[node]
	}
	if len(kept) == 0 {
		c.outcome = refused
	}
	return kept, nil
}

// uids returns the victims' UIDs by node.
func (in candidates) uids() map[string][]string {
	uids := make(map[string][]string, len(in.victims))
	for node, victims := range in.victims {
		for _, pod := range victims.Pods {
			uids[node] = append(uids[node], pod.UID)
		}
	}
	return uids
}

// decodeCandidates reads ExtenderPreemptionArgs.
func decodeCandidates(body []byte) (candidates, error) {
	var wire struct {
		Pod                   json.RawMessage
		NodeNameToVictims     json.RawMessage
		NodeNameToMetaVictims json.RawMessage
	}
	if err := decodeStrict(body, &wire); err != nil {
		return candidates{}, err
	}
	pod, err := decodePod(wire.Pod)
	if err != nil {
		return candidates{}, err
	}
	in := candidates{pod: pod}
	switch {
	case absent(wire.NodeNameToMetaVictims) && absent(wire.NodeNameToVictims):
		return candidates{}, malformed("NodeNameToMetaVictims: required, or NodeNameToVictims from a scheduler that is not nodeCacheCapable")
	case absent(wire.NodeNameToVictims):
		err = decodeLenient(wire.NodeNameToMetaVictims, &in.victims, "NodeNameToMetaVictims")
	case absent(wire.NodeNameToMetaVictims):
		in.victims, err = decodeVictims(wire.NodeNameToVictims)
	default:
		err = malformed("NodeNameToVictims: must be null where NodeNameToMetaVictims is given")
	}
	if err != nil {
		return candidates{}, err
	}
	return in, in.check()
}

// decodeVictims reads whole pods and keeps their UIDs.
func decodeVictims(raw json.RawMessage) (map[string]*extenderv1.MetaVictims, error) {
	var wire map[string]*struct {
		Pods []*struct {
			Metadata struct {
				UID string `json:"uid"`
			} `json:"metadata"`
		}
		NumPDBViolations int64
	}
	if err := decodeLenient(raw, &wire, "NodeNameToVictims"); err != nil {
		return nil, err
	}
	victims := make(map[string]*extenderv1.MetaVictims, len(wire))
	for node, whole := range wire {
		if whole == nil {
			victims[node] = nil
			continue
		}
		meta := &extenderv1.MetaVictims{Pods: []*extenderv1.MetaPod{}, NumPDBViolations: whole.NumPDBViolations}
		for _, pod := range whole.Pods {
			if pod == nil {
				meta.Pods = append(meta.Pods, nil)
				continue
			}
			meta.Pods = append(meta.Pods, &extenderv1.MetaPod{UID: pod.Metadata.UID})
		}
		victims[node] = meta
	}
	return victims, nil
}

// check refuses what no scheduler sends and the rest of the verb relies on.
func (in candidates) check() error {
	for node, victims := range in.victims {
		if victims == nil {
			return malformed("the victims on node %q: must not be null", node)
		}
		for i, pod := range victims.Pods {
			if pod == nil || pod.UID == "" {
				return malformed("the victims on node %q: pod %d has no UID", node, i)
			}
		}
	}
	return nil
}
