package reservation

import (
	"cmp"
	"slices"
	"time"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/mesos"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

// Listed is one reservation with our label in the master's agent list.
type Listed struct {
	Pod               Pod // without its priority, which no label holds
	AgentID, Hostname string
	Role              string
	// ReservedAt is when the first part of it was made; zero if none tells.
	ReservedAt time.Time
	Reserved   resources.Vector
}

// List reads the reservations of a cluster out of the master's agent list, in
// order of pod, UID and agent.
func List(cluster string, agents []mesos.Agent) []Listed {
	var all []Listed
	for _, agent := range agents {
		type key struct{ uid, role string }
		found := map[key]*Listed{}
		for _, portion := range agent.Reserved {
			pod, ok := owner(cluster, portion)
			if !ok {
				continue
			}
			at := key{pod.UID, portion.Role()}
			if found[at] == nil {
				found[at] = &Listed{Pod: pod, AgentID: agent.ID, Hostname: agent.Hostname, Role: at.role}
			}
			found[at].add(portion)
		}
		for _, one := range found {
			all = append(all, *one)
		}
	}
	slices.SortFunc(all, func(a, b Listed) int {
		return cmp.Or(cmp.Compare(a.Pod.Namespace, b.Pod.Namespace), cmp.Compare(a.Pod.Name, b.Pod.Name),
			cmp.Compare(a.Pod.UID, b.Pod.UID), cmp.Compare(a.AgentID, b.AgentID), cmp.Compare(a.Role, b.Role))
	})
	return all
}

// add takes in a part of the reservation.
func (l *Listed) add(p resources.Portion) {
	l.Reserved = l.Reserved.Add(p.Vector)
	if at := madeAt(p); l.ReservedAt.IsZero() || (!at.IsZero() && at.Before(l.ReservedAt)) {
		l.ReservedAt = at
	}
}

// madeAt reads when a portion of ours was reserved, zero if no label tells or
// what it tells is no time.
func madeAt(p resources.Portion) time.Time {
	top, _ := p.Top()
	for _, label := range top.Labels {
		if label.Key != timeLabel {
			continue
		}
		if at, err := time.Parse(time.RFC3339, label.Value); err == nil {
			return at.UTC()
		}
	}
	return time.Time{}
}
