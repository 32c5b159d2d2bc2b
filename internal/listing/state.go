package listing

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/kube"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/reservation"
)

// judge says what reservations are for.
type judge struct {
	byUID map[string]*corev1.Pod
	blind bool // the pods could not be listed
	pod   func(ctx context.Context, namespace, name string) (*corev1.Pod, error)
	nodes *kube.NodeMap // nil: could not be read
}

// state judges one reservation and names the node of its pod.
func (j judge) state(ctx context.Context, one reservation.Listed) (State, string, error) {
	pod, err := j.find(ctx, one.Pod)
	switch {
	case err != nil:
		return Unknown, "", err
	case pod == nil && j.blind:
		return Unknown, "", nil // Read reports why
	case pod == nil || kube.Finished(pod):
		return Orphan, "", nil
	case pod.Spec.NodeName == "":
		return Unbound, "", nil
	}
	return j.place(pod.Spec.NodeName, one.AgentID), pod.Spec.NodeName, nil
}

// find returns the pod of a reservation, nil if it is gone. The list is not
// trusted with that: a pod may have come after it was made, or name another
// scheduler since the configuration changed.
func (j judge) find(ctx context.Context, p reservation.Pod) (*corev1.Pod, error) {
	if pod, ok := j.byUID[p.UID]; ok || j.blind {
		return pod, nil
	}
	if p.Namespace == "" || p.Name == "" {
		return nil, fmt.Errorf("reservation for pod UID %s does not name its pod", p.UID)
	}
	pod, err := j.pod(ctx, p.Namespace, p.Name)
	switch {
	case errors.Is(err, kube.ErrPodGone):
		return nil, nil
	case err != nil:
		return nil, err
	case string(pod.UID) != p.UID:
		return nil, nil
	}
	return pod, nil
}

// place compares the pod's node with the agent.
func (j judge) place(node, agentID string) State {
	if j.nodes == nil {
		return Unknown
	}
	found, why := j.nodes.Agent(node)
	switch {
	case why != kube.Mapped:
		return Unmapped
	case found != agentID:
		return Elsewhere
	}
	return Bound
}
