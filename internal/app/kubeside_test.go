package app

import (
	"errors"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/kube"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/reservation"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

func on(node string) func(*corev1.Pod) {
	return func(pod *corev1.Pod) { pod.Spec.NodeName = node }
}

func TestLiveness(t *testing.T) {
	tests := map[string]struct {
		pod  *corev1.Pod
		uid  string
		want reservation.Liveness
	}{
		"gone":      {nil, "uid-a", reservation.Liveness{}},
		"other UID": {newPod("a", nil), "uid-before", reservation.Liveness{}},
		"succeeded": {newPod("a", func(pod *corev1.Pod) {
			pod.Spec.NodeName, pod.Status.Phase = "plain", corev1.PodSucceeded
		}), "uid-a", reservation.Liveness{}},
		"failed": {newPod("a", func(pod *corev1.Pod) {
			pod.Spec.NodeName, pod.Status.Phase = "plain", corev1.PodFailed
		}), "uid-a", reservation.Liveness{}},
		"unbound": {newPod("a", nil), "uid-a", reservation.Liveness{Alive: true}},
		"bound, with its priority": {newPod("a", func(pod *corev1.Pod) {
			pod.Spec.NodeName, pod.Spec.Priority = "plain", new(int32(5))
		}), "uid-a", reservation.Liveness{Alive: true, Bound: true, AgentID: "A1", Priority: 5}},
		"on a node of nobody": {newPod("a", on("stranger")), "uid-a", reservation.Liveness{Alive: true, Bound: true}},
		"on a shared node":    {newPod("a", on("shared")), "uid-a", reservation.Liveness{Alive: true, Bound: true}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				objects := []runtime.Object{newNode("plain"), newNode("shared"), newNode("stranger")}
				if tt.pod != nil {
					objects = append(objects, tt.pod)
				}
				r := newReplica(t, objects...)
				r.knowing(kube.AgentIdentity{ID: "A1", Hostname: "plain"},
					kube.AgentIdentity{ID: "A2", Hostname: "shared"}, kube.AgentIdentity{ID: "A3", Hostname: "shared"})
				if tt.want.Alive { // such a pod requests nothing, and gets the minimum
					tt.want.Need = resources.Scalar(resources.CPUs, 10).Add(resources.Scalar(resources.Mem, 32_000))
				}
				got, err := liveness{r.App}.Liveness(t.Context(), reservation.Pod{Namespace: "default", Name: "a", UID: tt.uid})
				if diff := cmp.Diff(tt.want, got); diff != "" || err != nil {
					t.Errorf("error %v, liveness (-want +got):\n%s", err, diff)
				}
			})
		})
	}
}

// What cannot be read is no pod that is gone: releases hang on it.
func TestLivenessOfAPodThatCannotBeRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReplica(t)
		down := errors.New("connection refused")
		r.cluster.Fail("get", "pods", 1, down)
		_, err := liveness{r.App}.Liveness(t.Context(), reservation.Pod{Namespace: "default", Name: "a", UID: "uid-a"})
		if !errors.Is(err, down) {
			t.Errorf("error %v, want %v", err, down)
		}
	})
}
