package app

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/filter"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/kube"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/reservation"
)

// Reasons and notes of the Events on pods. kube-scheduler's own Event tells of
// everything that may pass by itself; these are for what needs somebody.
const (
	reasonLost = "MesosReservationLost"
	noteLost   = "The Mesos agent no longer has the reservation of this running pod: its resources may be given to others"

	reasonRefused = "MesosReservationRefused"
	noteRefused   = "Mesos refuses the reservation of this pod and will again: see the extender's log, and check the pod's role and the principal and ACLs of the extender"

	reasonResizeWaits = "MesosResizeWaits"
	noteResizeWaits   = "Mesos does not offer what this running pod requests since it was resized: it is reserved as soon as the agent has it free"

	reasonResized = "MesosResized"
	noteResized   = "Mesos has reserved what this running pod requests since it was resized"

	reasonDraining = "MesosAgentDraining"
	noteDraining   = "The Mesos agent of this running pod is being drained: Mesos does not end the pod, move it before the agent goes away"

	reasonAmbiguous = "MesosNodeAmbiguous"
	noteAmbiguous   = "A node that this pod could go to matches several Mesos agents: set the annotation " + kube.AgentAnnotation + " on the node"
)

// tellLost is called with the book of reservations locked.
func (a *App) tellLost(pod reservation.Pod) { a.events.Warn(asPod(pod), reasonLost, noteLost) }

// tellRefused is called with the book of reservations locked.
func (a *App) tellRefused(pod reservation.Pod) { a.events.Warn(asPod(pod), reasonRefused, noteRefused) }

// tellResizeWaits is called with the book of reservations locked.
func (a *App) tellResizeWaits(pod reservation.Pod) {
	a.events.Warn(asPod(pod), reasonResizeWaits, noteResizeWaits)
}

// tellResized is called with the book of reservations locked.
func (a *App) tellResized(pod reservation.Pod) {
	a.events.Normal(asPod(pod), reasonResized, noteResized)
}

// tellAmbiguous tells a pod that was refused everywhere if that is, on some
// node, because nobody knows the node's agent (scenario 26).
func (a *App) tellAmbiguous(pod *corev1.Pod, verdict filter.Verdict) {
	if verdict.Reasons[filter.AmbiguousAgent] > 0 {
		a.events.Warn(pod, reasonAmbiguous, noteAmbiguous)
	}
}

// asPod is as much of a pod as an Event needs.
func asPod(p reservation.Pod) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: p.Namespace, Name: p.Name, UID: types.UID(p.UID)}}
}
