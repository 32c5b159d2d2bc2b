package app

import (
	"errors"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/component-helpers/scheduling/corev1"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/config"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/demand"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/filter"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/kube"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/roster"
)

// rules translates the configuration's resources section.
func rules(cfg config.Resources) resources.Rules {
	rules := resources.Rules{
		Extended: map[string]resources.ExtendedRule{},
		Minimum: resources.Scalar(resources.CPUs, resources.Milli(cfg.Minimum.CPUs)).
			Add(resources.Scalar(resources.Mem, resources.Milli(cfg.Minimum.Mem))),
	}
	for name, extended := range cfg.Extended {
		rule := resources.ExtendedRule{Scalar: extended.Scalar}
		if extended.Factor != nil {
			rule.Factor = resources.Milli(*extended.Factor)
		}
		rules.Extended[name] = rule
	}
	return rules
}

// role is the Mesos role that a pod's reservation goes to.
func (a *App) role(pod *corev1.Pod) string {
	if role := pod.Annotations[kube.RoleAnnotation]; role != "" {
		return role
	}
	return a.cfg.Mesos.Roles[0]
}

// need is what a pod's bind reserves, and in which role.
func (a *App) need(pod *corev1.Pod) (resources.Vector, string, error) {
	role := a.role(pod)
	if !slices.Contains(a.cfg.Mesos.Roles, role) {
		return resources.Vector{}, "", &filter.Refusal{Reason: filter.UnknownRole}
	}
	need, err := a.translator.Request(pod)
	if unsupported := (*resources.UnsupportedError)(nil); errors.As(err, &unsupported) {
		return resources.Vector{}, "", &filter.Refusal{Reason: filter.Unsupported, Err: err}
	}
	return need, role, err
}

// Request is what filter, prioritize and preempt ask for a pod.
func (a *App) Request(pod *corev1.Pod) (filter.Request, error) {
	need, role, err := a.need(pod)
	if err != nil {
		return filter.Request{}, err
	}
	return filter.Request{
		PodUID: string(pod.UID), Role: role, Need: need,
		Priority: schedulingv1.PodPriority(pod),
	}, nil
}

// Leading reports whether this replica is the one that answers.
func (a *App) Leading() bool { return a.lease.IsLeader() }

// Ours reports whether a pod has opted in.
func (a *App) Ours(pod *corev1.Pod) bool { return pod.Spec.SchedulerName == a.cfg.SchedulerName }

// View is the state that decisions are made on.
func (a *App) View() filter.View {
	nodes := a.nodeAgents()
	view := filter.View{
		Offers: nodes.offers, Occupants: a.reservations, Nodes: nodes,
		Maintained: nodes.maintained, Roster: a.roster,
	}
	switch {
	case !a.state.subscribed.Load():
		view.Closed = filter.NoSubscription
	case !a.state.saved.Load() || !a.reservations.Recovered():
		// Should this process end before the framework ID is saved, the next one
		// is another framework, and nobody would ever acknowledge what this one's
		// operations have become.
		view.Closed = filter.Recovering
	}
	return view
}

// buildRoster joins what View's parts say, node by node.
func (a *App) buildRoster() {
	a.roster = roster.New(roster.Sources{
		Nodes: func() roster.Nodes { return a.nodes.Map() }, Offers: a.cache.Snapshot,
		Occupants: a.reservations, Changed: a.reservations.Changed, Unusable: a.agents.unusable.Load,
	})
}

// nodeAgents gives filter its reasons for what the node map says, and for agents
// that take no more pods.
type nodeAgents struct {
	*kube.NodeMap
	offers filter.Offers
	notes  *agentNotes
	now    time.Time
	lead   time.Duration // before a maintenance
}

func (a *App) nodeAgents() nodeAgents {
	return nodeAgents{
		NodeMap: a.nodes.Map(), offers: a.cache.Snapshot(), notes: &a.agents,
		now: a.clock.Now(), lead: a.cfg.Offers.MaintenanceLead.Duration,
	}
}

func (n nodeAgents) Agent(node string) (string, filter.Reason) {
	agentID, why := n.NodeMap.Agent(node)
	switch why {
	case kube.Mapped:
		return agentID, n.notes.why(agentID)
	case kube.Ambiguous:
		return "", filter.AmbiguousAgent
	}
	return "", filter.NoAgent
}

func (n nodeAgents) maintained(plan *resources.Maintenance) filter.Reason {
	return maintained(plan, n.now, n.lead)
}

func (n nodeAgents) unusable(agentID string) filter.Reason {
	if why := n.notes.why(agentID); why != "" {
		return why
	}
	if agent, offers := n.offers.Agent(agentID); offers {
		return n.maintained(agent.Maintenance)
	}
	return ""
}

// Refused passes on that filter refused a pod on every node.
func (a *App) Refused(pod *corev1.Pod, request filter.Request, verdict filter.Verdict) {
	a.tellAmbiguous(pod, verdict)
	a.demand.Refused(demand.Pod{
		Namespace: pod.Namespace, Name: pod.Name, UID: request.PodUID,
		Priority: request.Priority, Created: pod.CreationTimestamp.Time,
		Role: request.Role, Need: request.Need,
	})
}

// Fits passes on that filter let a pod pass.
func (a *App) Fits(uid string) { a.demand.Fits(uid) }
