package app

import (
	"context"
	"math"
	"sync/atomic"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	schedulingv1 "k8s.io/component-helpers/scheduling/corev1"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/kube"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/offercache"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/sampling"
)

func (a *App) buildSampling() error {
	a.highest.Store(math.MinInt32)
	minimum := rules(a.cfg.Resources).Minimum
	a.sampling = sampling.New(sampling.Options{
		Enabled: a.cfg.Kubernetes.LabelNodesWithoutOffers,
		Roles:   a.cfg.Mesos.Roles, Minimum: minimum,
	}, sampling.Deps{
		Nodes: a.nodes, Snapshot: a.cache.Snapshot,
		Demanded: a.demanded, Usable: a.takesPods, Needed: a.needed,
		Label: func(ctx context.Context, node string, uid types.UID, without bool) error {
			return kube.LabelWithoutOffers(ctx, a.client, node, uid, without)
		},
		Log: a.log, Registerer: a.registry, Clock: a.clock,
	})
	a.nodes.OnOffersAgain(a.offersAgain)
	return nil
}

// demanded reports whether an agent without offers is one without room.
func (a *App) demanded() bool {
	return a.state.subscribed.Load() && a.demand.Demanded() && a.reservations.Recovered()
}

// takesPods reports whether filter would let a pod go to an agent that has room.
func (a *App) takesPods(agentID string) bool {
	return a.mapped(agentID) && a.nodeAgents().unusable(agentID) == ""
}

// hidden reports whether kube-scheduler passes over an agent's node before it
// asks filter.
func (a *App) hidden(agentID string) bool {
	node, ok := a.nodes.Map().Node(agentID)
	return ok && a.nodes.WithoutOffers(node)
}

// offersAgain passes on that kube-scheduler shows a node again: pods may now be
// woken for its offers.
func (a *App) offersAgain(node string) {
	agentID, ok := a.agentOf(node)
	if !ok {
		return
	}
	keys := make([]offercache.Key, len(a.cfg.Mesos.Roles))
	for i, role := range a.cfg.Mesos.Roles {
		keys[i] = offercache.Key{AgentID: agentID, Role: role}
	}
	a.demand.Changed(keys)
}

// needed reports whether kube-scheduler must see an agent's node even if nothing
// is free there: a pod could be evicted, for a node that NodeAffinity refuses is
// none on which kube-scheduler looks for victims; or a pod has its reservation
// there and no Binding, and must come back to it.
func (a *App) needed(agentID string) bool {
	for _, role := range a.cfg.Mesos.Roles {
		for _, occupant := range a.reservations.On(agentID, role) {
			if a.outranked(occupant) || a.awaitsBinding(occupant) {
				return true
			}
		}
	}
	return false
}

// outranked asks the pod itself: an adopted reservation does not know its
// priority at first.
func (a *App) outranked(occupant resources.Occupant) bool {
	pod, ok := a.pods.ByUID(occupant.UID)
	return ok && schedulingv1.PodPriority(pod) < a.highest.Load()
}

func (a *App) awaitsBinding(occupant resources.Occupant) bool {
	pod, ok := a.pods.ByUID(occupant.UID)
	return ok && kube.Waiting(pod)
}

// notePriority keeps the highest priority that any pod of ours has had. It never
// falls: labels that followed each pod of high priority would be written for
// half of the cluster whenever one comes and goes.
func (a *App) notePriority(pod *corev1.Pod) {
	priority := schedulingv1.PodPriority(pod)
	if raise(&a.highest, priority) {
		a.sampling.Reconsider()
	}
}

// raise lifts a value and reports whether it was lower.
func raise(value *atomic.Int32, to int32) bool {
	for {
		now := value.Load()
		if now >= to {
			return false
		}
		if value.CompareAndSwap(now, to) {
			return true
		}
	}
}
