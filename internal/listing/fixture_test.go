package listing

import (
	"context"
	"errors"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/kube"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/kube/kubetest"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/mesos"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

var (
	errDown = errors.New("connection refused")
	madeAt  = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
)

// reserved is a reservation as it stands in Mesos; at may be zero. The labels
// are spelt out: they are what is found on the agents of a running cluster.
func reserved(cluster, name, uid string, at time.Time) resources.Portion {
	labels := []resources.Label{
		{Key: "kube-mesos-extender.io/cluster", Value: cluster},
		{Key: "kube-mesos-extender.io/namespace", Value: "default"},
		{Key: "kube-mesos-extender.io/pod", Value: name},
		{Key: "kube-mesos-extender.io/pod-uid", Value: uid},
	}
	if !at.IsZero() {
		labels = append(labels, resources.Label{Key: "kube-mesos-extender.io/reserved-at", Value: at.Format(time.RFC3339)})
	}
	return resources.Portion{
		Layers: []resources.Layer{{Dynamic: true, Role: "kubernetes", Labels: labels}},
		Vector: resources.Scalar(resources.CPUs, 1500).Add(resources.Scalar(resources.Mem, 64_000)),
	}
}

func pod(name, uid, node string, phase corev1.PodPhase) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, UID: types.UID(uid)},
		Spec:       corev1.PodSpec{NodeName: node},
		Status:     corev1.PodStatus{Phase: phase},
	}
}

// fake is both sides at once.
type fake struct {
	agents                               []mesos.Agent
	listed, later                        []*corev1.Pod // later ones are found by name only
	agentsErr, podsErr, podErr, nodesErr error
}

// twoAgents are on node-1 and node-2; node-3 is on none.
func twoAgents(first, second []resources.Portion) []mesos.Agent {
	return []mesos.Agent{
		{ID: "S1", Hostname: "node-1", Active: true, Reserved: first},
		{ID: "S2", Hostname: "node-2", Active: true, Reserved: second},
	}
}

func (f *fake) sources(t *testing.T) Sources {
	t.Helper()
	node := func(name string) *corev1.Node { return &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}} }
	nodes := kubetest.New(node("node-1"), node("node-2"), node("node-3"))
	return Sources{
		Agents: func(context.Context) ([]mesos.Agent, error) { return f.agents, f.agentsErr },
		Pods:   func(context.Context) ([]*corev1.Pod, error) { return f.listed, f.podsErr },
		Pod: func(_ context.Context, namespace, name string) (*corev1.Pod, error) {
			for _, pod := range append(f.later, f.listed...) {
				if pod.Namespace == namespace && pod.Name == name && f.podErr == nil {
					return pod, nil
				}
			}
			if f.podErr != nil {
				return nil, f.podErr
			}
			return nil, kube.ErrPodGone
		},
		Nodes: func(ctx context.Context, agents []mesos.Agent) (*kube.NodeMap, error) {
			if f.nodesErr != nil {
				return nil, f.nodesErr
			}
			var known []kube.AgentIdentity
			for _, agent := range agents {
				known = append(known, kube.AgentIdentity{ID: agent.ID, Hostname: agent.Hostname})
			}
			return kube.MapNodes(ctx, nodes.Client(), known)
		},
	}
}
