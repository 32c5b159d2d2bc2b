package app

import (
	"errors"
	"testing"
	"testing/synctest"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/filter"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/kube"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

func inRole(role string) func(*corev1.Pod) {
	return func(pod *corev1.Pod) { pod.Annotations = map[string]string{kube.RoleAnnotation: role} }
}

func requesting(name corev1.ResourceName, amount string) func(*corev1.Pod) {
	return func(pod *corev1.Pod) {
		pod.Spec.Containers[0].Resources.Requests = corev1.ResourceList{name: resource.MustParse(amount)}
	}
}

func TestRequestSelectsTheRole(t *testing.T) {
	tests := map[string]struct {
		change func(*corev1.Pod)
		role   string
		reason filter.Reason
	}{
		"the first by default":    {nil, "kubernetes", ""},
		"an empty annotation":     {inRole(""), "kubernetes", ""},
		"the pod's own":           {inRole("batch"), "batch", ""},
		"one not configured":      {inRole("prod"), "", filter.UnknownRole},
		"below a configured one":  {inRole("batch/sub"), "", filter.UnknownRole},
		"a resource without rule": {requesting("example.com/fpga", "1"), "", filter.Unsupported},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				request, err := newReplica(t).Request(newPod("a", tt.change))
				var refusal *filter.Refusal
				switch {
				case tt.reason != "":
					if !errors.As(err, &refusal) || refusal.Reason != tt.reason {
						t.Errorf("error %v, want the refusal %q", err, tt.reason)
					}
				case err != nil || request.Role != tt.role || request.PodUID != "uid-a":
					t.Errorf("request %+v, %v, want role %q", request, err, tt.role)
				}
			})
		})
	}
}

func TestRequestHasTheConfiguredMinimum(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pod := newPod("a", func(pod *corev1.Pod) { pod.Spec.Priority = new(int32(7)) })
		request, err := newReplica(t).Request(pod)
		want := resources.Scalar(resources.CPUs, 10).Add(resources.Scalar(resources.Mem, 32_000))
		if err != nil || !request.Need.Equal(want) || request.Priority != 7 {
			t.Errorf("request %+v, %v, want priority 7 and %s", request, err, want)
		}
	})
}

func TestOurs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReplica(t)
		foreign := newPod("b", func(pod *corev1.Pod) { pod.Spec.SchedulerName = "default-scheduler" })
		if !r.Ours(newPod("a", nil)) || r.Ours(foreign) {
			t.Error("a pod is ours if, and only if, it names our scheduler")
		}
	})
}

func TestNodesHaveTheReasonsOfTheMap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReplica(t, newNode("plain"), newNode("shared"), newNode("stranger"))
		r.knowing(kube.AgentIdentity{ID: "A1", Hostname: "plain"},
			kube.AgentIdentity{ID: "A2", Hostname: "shared"}, kube.AgentIdentity{ID: "A3", Hostname: "shared"})
		tests := []struct {
			node, agentID string
			reason        filter.Reason
		}{
			{"plain", "A1", ""},
			{"shared", "", filter.AmbiguousAgent},
			{"stranger", "", filter.NoAgent},
			{"no such node", "", filter.NoAgent},
		}
		for _, tt := range tests {
			agentID, reason := r.View().Nodes.Agent(tt.node)
			if agentID != tt.agentID || reason != tt.reason {
				t.Errorf("node %q is %q because %q, want %q and %q", tt.node, agentID, reason, tt.agentID, tt.reason)
			}
			if agentID, ok := r.agentOf(tt.node); ok != (tt.agentID != "") || agentID != tt.agentID {
				t.Errorf("bind takes node %q for agent %q, %v", tt.node, agentID, ok)
			}
		}
		if !r.usable("A1") || r.usable("A2") {
			t.Error("an agent is usable if, and only if, it is certain which node it stands for")
		}
	})
}
