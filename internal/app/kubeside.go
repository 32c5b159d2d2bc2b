package app

import (
	"context"
	"errors"
	"net/netip"

	corev1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/component-helpers/scheduling/corev1"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/demand"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/kube"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/mesos"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/reservation"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

// podEvents passes on what happens to opted-in pods, on every replica: the
// standby is warm.
type podEvents struct{ *App }

func (e podEvents) PodChanged(pod *corev1.Pod) {
	uid := string(pod.UID)
	e.notePriority(pod)
	if kube.Waiting(pod) {
		need, _, _ := e.need(pod) // empty for a pod that filter refuses anyway
		e.demand.Pending(uid, e.role(pod), need)
		return
	}
	e.demand.Settled(uid)
	if kube.Finished(pod) {
		e.reservations.Release(uid, "the pod has ended")
		return
	}
	if agentID, ok := e.agentOf(pod.Spec.NodeName); ok {
		e.reservations.NoteBound(uid, agentID, schedulingv1.PodPriority(pod))
	}
	e.resize(pod)
}

// resize has the reservation of a bound pod follow its request.
func (e podEvents) resize(pod *corev1.Pod) {
	if pod.Spec.NodeName == "" {
		return
	}
	if need, _, err := e.need(pod); err == nil {
		e.reservations.Resize(string(pod.UID), need)
	}
}

func (e podEvents) PodGone(uid string) {
	e.demand.Settled(uid)
	e.reservations.Release(uid, "the pod was deleted")
}

// liveness answers reservation.Pods from the API server itself.
type liveness struct{ *App }

func (l liveness) Liveness(ctx context.Context, p reservation.Pod) (reservation.Liveness, error) {
	pod, err := l.pods.Live(ctx, p.Namespace, p.Name)
	switch {
	case errors.Is(err, kube.ErrPodGone):
		return reservation.Liveness{}, nil
	case err != nil:
		return reservation.Liveness{}, err
	case string(pod.UID) != p.UID || kube.Finished(pod):
		return reservation.Liveness{}, nil
	}
	agentID, _ := l.agentOf(pod.Spec.NodeName)
	need, _, _ := l.need(pod) // empty if it cannot be told
	return reservation.Liveness{
		Alive: true, Bound: pod.Spec.NodeName != "", AgentID: agentID,
		Priority: schedulingv1.PodPriority(pod), Need: need,
	}, nil
}

// operator reads the master's agents for recovery, and tells the node map of
// them: only the full list shows which hostnames and addresses are shared.
type operator struct{ *App }

func (o operator) Agents(ctx context.Context) ([]mesos.Agent, error) {
	agents, err := o.master.Agents(ctx)
	if err != nil {
		return nil, err
	}
	o.nodes.ReplaceAgents(identities(agents))
	o.noteAgents(agents)
	return agents, nil
}

// identities is by what the map of nodes knows agents.
func identities(agents []mesos.Agent) []kube.AgentIdentity {
	identities := make([]kube.AgentIdentity, 0, len(agents))
	for _, agent := range agents {
		identity := kube.AgentIdentity{ID: agent.ID, Hostname: agent.Hostname}
		if at, err := netip.ParseAddrPort(agent.Address); err == nil {
			identity.Address = at.Addr()
		}
		identities = append(identities, identity)
	}
	return identities
}

func (o operator) Pending(ctx context.Context) ([]mesos.Pending, error) { return o.master.Pending(ctx) }

func (o operator) UnreserveByOperator(ctx context.Context, agentID string, portions []resources.Portion) error {
	return o.master.UnreserveByOperator(ctx, agentID, portions)
}

// bindings posts Bindings for bind.
type bindings struct{ *App }

func (b bindings) Post(ctx context.Context, pod *corev1.Pod, node string) error {
	return kube.PostBinding(ctx, b.client, pod, node)
}

func (b bindings) Fence(ctx context.Context, pod *corev1.Pod) (string, error) {
	return kube.Fence(ctx, b.client, pod, b.clock.Now())
}

// agentOf maps a node to the one agent it stands for.
func (a *App) agentOf(node string) (string, bool) {
	agentID, why := a.nodes.Map().Agent(node)
	return agentID, why == kube.Mapped
}

// usable reports whether a pod that is woken for an agent's room can go there.
func (a *App) usable(agentID string) bool { return a.takesPods(agentID) && !a.hidden(agentID) }

func (a *App) mapped(agentID string) bool {
	_, ok := a.nodes.Map().Node(agentID)
	return ok
}

// shownAnyway is up to how many nodes kube-scheduler shows an extender all that
// pass its own filters, whatever percentageOfNodesToScore says
// (minFeasibleNodesToFind in pkg/scheduler/schedule_one.go).
const shownAnyway = 100

// wake wakes a pod for the offers of one agent. In a cluster of which the
// scheduler shows a sample only the pod is pointed at the agent's node;
// otherwise the scheduler may choose.
func (a *App) wake(ctx context.Context, p demand.Pod, agentID string) error {
	pod, ok := a.pods.ByUID(p.UID)
	if !ok {
		return demand.ErrGone
	}
	node := ""
	if nodes := a.nodes.Map(); nodes.Nodes() > shownAnyway {
		node, _ = nodes.Node(agentID)
	}
	err := kube.Wake(ctx, a.client, pod, node, a.clock.Now())
	if errors.Is(err, kube.ErrPodGone) {
		return demand.ErrGone
	}
	return err
}
