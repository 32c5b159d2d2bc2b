package server

import (
	"strings"

	"go.uber.org/zap"
	extenderv1 "k8s.io/kube-scheduler/extender/v1"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/bind"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/logkeys"
)

// maxErrorText bounds what becomes part of the pod's Event, whose message
// Kubernetes cuts at 1024 bytes.
const maxErrorText = 512

// bind binds the pod. The Binder logs how the bind ended: one bind may answer
// several calls.
func (s *Server) bind(c *call) (any, error) {
	var in extenderv1.ExtenderBindingArgs
	if err := decodeStrict(c.body, &in); err != nil {
		return nil, err
	}
	for _, required := range []struct{ field, value string }{
		{"PodName", in.PodName}, {"PodNamespace", in.PodNamespace}, {"PodUID", string(in.PodUID)}, {"Node", in.Node},
	} {
		if required.value == "" {
			return nil, malformed("%s: required", required.field)
		}
	}
	target := bind.Target{
		Namespace: in.PodNamespace, Name: in.PodName, UID: string(in.PodUID), Node: in.Node, RequestID: c.id,
	}
	err := s.deps.Binder.Bind(c.ctx, target)
	c.log().Debug("bind answered", zap.String(logkeys.PodUID, target.UID), zap.String(logkeys.Node, target.Node), zap.Error(err))
	if err == nil {
		return extenderv1.ExtenderBindingResult{}, nil
	}
	c.outcome = refused
	return extenderv1.ExtenderBindingResult{Error: concise(err)}, nil
}

func concise(err error) string {
	text := err.Error()
	if len(text) > maxErrorText {
		return strings.ToValidUTF8(text[:maxErrorText], "") + "…"
	}
	return text
}
