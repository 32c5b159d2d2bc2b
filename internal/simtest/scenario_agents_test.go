package simtest

import (
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/mesossim"
)

// boundPod is a pod with its reservation on host-0.
func boundPod(s *stage, name string) (pod *corev1.Pod) {
	pod = s.pod(name, "1")
	s.fits(pod, "host-0")
	s.bind(pod, "host-0")
	return pod
}

func TestScenario22AgentUnreachable(t *testing.T) {
	play(t, scene{}, func(s *stage) {
		running := boundPod(s, "running")
		s.done(s.sim.HangAgent("host-0"))
		s.eventually("the agent is unreachable", func() bool { return !s.agents()["host-0"].Registered })
		waiting := s.pod("waiting", "1")
		s.fits(waiting, "host-1")
		s.always("its node is filtered out", 5*time.Second, func() bool {
			fits, _ := s.filter(waiting)
			return slices.Equal(fits, []string{"host-1"})
		})
		s.remove(waiting)
		s.done(s.sim.ContinueAgent("host-0"))
		s.eventually("the agent is back", func() bool { return s.agents()["host-0"].Active })
		s.always("the reservation was kept", 20*time.Second, s.holds("host-0", running))
		s.eventually("and is known as bound", func() bool { return s.metric(`reservations{state="bound"}`) == 1 })
		s.expect(s.operations("UNRESERVE") == 0, "nothing was unreserved")
	})
}

func TestScenario23AgentBackUnderANewID(t *testing.T) {
	play(t, scene{}, func(s *stage) {
		stays, ends := boundPod(s, "stays"), boundPod(s, "ends")
		before := s.agents()["host-0"].ID
		s.done(s.sim.KillAgent("host-0"))
		s.done(s.sim.StartAgentNewID("host-0"))
		s.eventually("the agent is back under another ID", func() bool {
			agent := s.agents()["host-0"]
			return agent.Active && agent.ID != before
		})
		s.always("both reservations are kept", 30*time.Second, func() bool {
			return s.holds("host-0", stays)() && s.holds("host-0", ends)()
		})
		s.eventually("they are known once each", func() bool { return s.metric(`reservations{state="bound"}`) == 2 })
		s.remove(ends)
		s.eventually("one can be released under the new ID", s.lacks("host-0", ends))
		s.expect(s.operations("RESERVE") == 2, "nothing was reserved twice")
	})
}

func TestScenario24AgentGone(t *testing.T) {
	play(t, scene{}, func(s *stage) {
		lost := boundPod(s, "lost")
		ends := boundPod(s, "ends")
		s.operator("MARK_AGENT_GONE", "mark_agent_gone", map[string]any{"agent_id": value(s.agents()["host-0"].ID)})
		s.remove(ends)
		s.eventually("the records are closed", func() bool {
			return s.metric(`reservations{state="bound"}`)+s.metric(`reservations{state="releasing"}`) == 0
		})
		tried := s.operations("UNRESERVE") + s.sent("UNRESERVE_RESOURCES")
		s.always("no unreserve is tried again and again", time.Minute, func() bool {
			return s.operations("UNRESERVE")+s.sent("UNRESERVE_RESOURCES") <= tried
		})
		s.expect(tried <= 4, "%d were tried", tried)
		s.expect(s.nodeOf(lost) == "host-0", "the pod is left to Kubernetes")
	})
}

func TestScenario26TwoAgentsOnOneHost(t *testing.T) {
	twins := []mesossim.AgentSpec{agentSpec("host-0"), agentSpec("host-1"), agentSpec("HOST-0")}
	t.Run("refused with an Event", func(t *testing.T) {
		play(t, scene{agents: twins}, func(s *stage) {
			s.done(s.kube.Client().CoreV1().Nodes().Delete(s.ctx, "HOST-0", metav1.DeleteOptions{}))
			s.done(s.sim.KillAgent("host-1"))
			pod := s.pod("a", "1")
			s.eventually("its node is refused", func() bool {
				_, why := s.filter(pod)
				return why["host-0"] == "several Mesos agents match node"
			})
			s.eventually("an Event says so", func() bool {
				s.filter(pod)
				return slices.Contains(s.events(pod), "MesosNodeAmbiguous")
			})
			s.expect(s.startBind(pod, "host-0").wait() != nil && s.reservations(pod) == 0, "a bind reserves nothing")
		})
	})
	t.Run("resolved by the annotation", func(t *testing.T) {
		play(t, scene{agents: twins}, func(s *stage) {
			nodes := s.kube.Client().CoreV1().Nodes()
			s.done(nodes.Delete(s.ctx, "HOST-0", metav1.DeleteOptions{}))
			node, err := nodes.Get(s.ctx, "host-0", metav1.GetOptions{})
			s.done(err)
			node.Annotations = map[string]string{"kube-mesos-extender.io/agent": s.agents()["HOST-0"].ID}
			_, err = nodes.Update(s.ctx, node, metav1.UpdateOptions{})
			s.done(err)
			pod := s.pod("a", "1")
			s.kube.OnBind(func(*corev1.Pod) {}) // the node's name is not its agent's here
			s.fits(pod, "host-0")
			s.bind(pod, "host-0")
			_, holds := s.held("HOST-0", pod)
			s.expect(holds, "the agent that the annotation names has the reservation")
		})
	})
}

func TestScenario38AgentWithoutFeedback(t *testing.T) {
	mute := agentSpec("host-0")
	mute.NoOperationFeedback = true
	play(t, scene{agents: []mesossim.AgentSpec{mute}}, func(s *stage) {
		pod := boundPod(s, "a")
		s.expect(s.metric(`operation_statuses_total{state="OPERATION_FINISHED"}`) == 0, "no status confirmed it")
		s.always("it is kept", 20*time.Second, s.holds("host-0", pod))
		s.remove(pod)
		s.eventually("it is released", s.lacks("host-0", pod))
	})
}

func TestScenario47BelowMinAllocatable(t *testing.T) {
	tests := map[string]struct {
		offered    bool
		byOperator int
	}{
		"Mesos offers it to a framework that asks for any amount": {true, 0},
		"no offer comes": {false, 1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			tiny := mesossim.AgentSpec{Hostname: "host-0", Resources: "cpus:1.001;mem:1025"}
			play(t, scene{agents: []mesossim.AgentSpec{tiny}}, func(s *stage) {
				small := s.podWith("small", "uid-small", "1m", "1Mi")
				s.fits(small, "host-0")
				s.bind(small, "host-0")
				s.done(s.sim.StartNeighbour(mesossim.NeighbourSpec{Name: "batch", Role: "batch", Task: "cpus:1;mem:1024"}))
				s.eventually("a neighbour has all the rest", func() bool { return s.agents()["host-0"].Allocated["cpus"] == 1 })
				if !tt.offered {
					s.operator("DEACTIVATE_AGENT", "deactivate_agent", map[string]any{"agent_id": value(s.agents()["host-0"].ID)})
				}
				s.remove(small)
				s.eventually("the reservation is released", s.lacks("host-0", small))
				s.expect(s.sent("UNRESERVE_RESOURCES") == tt.byOperator, "%d operator calls were needed", tt.byOperator)
			})
		})
	}
}
