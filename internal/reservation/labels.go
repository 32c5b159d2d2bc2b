package reservation

import (
	"time"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

// Keys of the labels that every reservation of ours carries. Cluster and UID
// make the set unique, so Mesos never merges the reservations of two pods
// (Mesos merges equal role and labels); the others are for people.
const (
	clusterLabel   = "kube-mesos-extender.io/cluster"
	namespaceLabel = "kube-mesos-extender.io/namespace"
	podLabel       = "kube-mesos-extender.io/pod"
	uidLabel       = "kube-mesos-extender.io/pod-uid"
	// timeLabel is when the RESERVE was made, RFC 3339 in UTC. Reservations of
	// older versions lack it.
	timeLabel = "kube-mesos-extender.io/reserved-at"
)

// Pod names the pod that a reservation is for.
type Pod struct {
	Namespace, Name, UID string
	Priority             int32
}

func (p Pod) String() string { return p.Namespace + "/" + p.Name }

// layer is the reservation put on top of offered resources for pod at a time.
func layer(cluster, role, principal string, pod Pod, at time.Time) resources.Layer {
	return resources.Layer{
		Dynamic:   true,
		Role:      role,
		Principal: principal,
		Labels: []resources.Label{
			{Key: clusterLabel, Value: cluster},
			{Key: namespaceLabel, Value: pod.Namespace},
			{Key: podLabel, Value: pod.Name},
			{Key: uidLabel, Value: pod.UID},
			{Key: timeLabel, Value: at.UTC().Format(time.RFC3339)},
		},
	}
}

// owner reads the pod out of a portion's top layer. ok is false unless the
// layer is dynamic, carries our cluster's label and names a pod UID: all else
// belongs to somebody else and must not be touched.
func owner(cluster string, p resources.Portion) (pod Pod, ok bool) {
	top, reserved := p.Top()
	if !reserved || !top.Dynamic {
		return Pod{}, false
	}
	mine := false
	for _, label := range top.Labels {
		switch label.Key {
		case clusterLabel:
			mine = label.Value == cluster
		case namespaceLabel:
			pod.Namespace = label.Value
		case podLabel:
			pod.Name = label.Value
		case uidLabel:
			pod.UID = label.Value
		}
	}
	return pod, mine && pod.UID != ""
}
