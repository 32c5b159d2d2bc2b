// Package kube is the extender's side of Kubernetes: the client, the informers
// over its own pods and over nodes, the map from nodes to Mesos agents, the
// Binding, the nudge that wakes a pending pod, Events, and the Lease that says
// who leads and under which Mesos framework ID.
//
// It owns every call to the kube-apiserver. It must not know what an offer or
// a reservation is, decide where a pod goes, or import any package above it.
package kube

import "errors"

// Annotations that the extender reads or writes.
const (
	// RoleAnnotation on a pod names the Mesos role its resources come from.
	RoleAnnotation = "kube-mesos-extender.io/role"
	// AgentAnnotation on a node names its Mesos agent, by agent ID or hostname.
	AgentAnnotation = "kube-mesos-extender.io/agent"
	// WakeAnnotation on a pending pod holds the time of its last nudge.
	WakeAnnotation = "kube-mesos-extender.io/wake"
	// FrameworkIDAnnotation on the Lease holds the Mesos framework ID.
	FrameworkIDAnnotation = "kube-mesos-extender.io/framework-id"
)

// OffersLabel on a node has the value NoOffers while its agent has nothing to
// offer. The profile in the shipped configuration of kube-scheduler keeps its
// pods from such nodes (addedAffinity of NodeAffinity), and nodes without the
// label pass.
const (
	OffersLabel = "kube-mesos-extender.io/offers"
	NoOffers    = "none"
)

// How a write to a pod may end other than well.
var (
	// ErrPodGone: no pod of that UID exists any more, or it is being deleted
	// without ever having had a node. It will never run.
	ErrPodGone = errors.New("pod is gone")
	// ErrBoundElsewhere: the pod has been bound to another node.
	ErrBoundElsewhere = errors.New("pod is bound to another node")
)

// Errors of the Lease.
var (
	// ErrNotLeader: the Lease is held by somebody else, or by nobody.
	ErrNotLeader = errors.New("not the leader")
	// ErrLeaseLost ends Lease.Run when the Lease could not be renewed in time.
	ErrLeaseLost = errors.New("lease lost")
)
