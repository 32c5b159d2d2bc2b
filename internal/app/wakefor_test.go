package app

import (
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/filter"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/kube"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/mesos"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

// An agent that takes no pods offers all they need; filter refuses it whatever
// it offers, so that waking a pod for it would be in vain.
func TestPodIsWokenOnceTheAgentTakesPodsAgain(t *testing.T) {
	plan := &resources.Maintenance{Start: time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)} // when the bubble begins
	tests := map[string]struct {
		offer     *resources.Maintenance
		list      mesos.Agent
		callItOff func(*replica)
	}{
		"drained": {
			list:      mesos.Agent{ID: "A1", DrainState: "DRAINING"},
			callItOff: (*replica).listedLate,
		},
		"deactivated": {
			list:      mesos.Agent{ID: "A1", Deactivated: true},
			callItOff: (*replica).listedLate,
		},
		"maintained": {
			offer: plan, list: mesos.Agent{ID: "A1"},
			callItOff: func(r *replica) { r.cache.Rescind(1, "O1"); r.offered("O2", nil) },
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				pod := newPod("a", nil)
				r := newReplica(t, newNode("plain"), pod)
				r.knowing(kube.AgentIdentity{ID: "A1", Hostname: "plain"})
				r.start(r.pods.Run)
				if err := r.pods.Synced(t.Context()); err != nil {
					t.Fatal(err)
				}
				r.start(r.demand.Run)
				r.cache.Reset(1)
				r.noteAgents([]mesos.Agent{tt.list})
				r.offered("O1", tt.offer)
				request := filter.Request{PodUID: string(pod.UID), Role: "kubernetes", Need: resources.Scalar(resources.CPUs, 1000)}
				r.Refused(pod, request, filter.Verdict{})
				time.Sleep(time.Minute)
				if r.wakeOf(pod) != "" {
					t.Fatal("woken for an agent that takes no pods")
				}
				tt.callItOff(r)
				time.Sleep(2 * time.Second)
				if r.wakeOf(pod) == "" {
					t.Error("not woken although the agent takes pods again")
				}
			})
		})
	}
}

// listedLate has the offers of an agent that takes pods again come before the
// list that says so.
func (r *replica) listedLate() {
	r.offered("O2", nil)
	time.Sleep(time.Second)
	r.noteAgents([]mesos.Agent{{ID: "A1"}})
}

// offered has A1 offer two CPUs.
func (r *replica) offered(id string, plan *resources.Maintenance) {
	r.demand.Changed(r.cache.Add(1, []*resources.Offer{{
		ID: id, AgentID: "A1", Role: "kubernetes", Hostname: "plain", Maintenance: plan,
		Portions: []resources.Portion{{Vector: resources.Scalar(resources.CPUs, 2000)}},
	}}))
}

// wakeOf returns the annotation by which a pod is woken.
func (r *replica) wakeOf(pod *corev1.Pod) string {
	r.t.Helper()
	current, err := r.cluster.Client().CoreV1().Pods(pod.Namespace).Get(r.t.Context(), pod.Name, metav1.GetOptions{})
	if err != nil {
		r.t.Fatal(err)
	}
	return current.Annotations[kube.WakeAnnotation]
}
