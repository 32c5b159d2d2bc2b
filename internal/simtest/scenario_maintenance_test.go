package simtest

import (
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	extenderv1 "k8s.io/kube-scheduler/extender/v1"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/config"
)

// refusedFor reports whether filter refuses a node for a reason. It asks about
// that node alone: as long as another one fits, no reason is told.
func (s *stage) refusedFor(pod *corev1.Pod, node, reason string) bool {
	s.t.Helper()
	_, why := s.filter(pod, node)
	return why[node] == reason
}

func TestScenario41DrainAgent(t *testing.T) {
	play(t, scene{}, func(s *stage) {
		running := boundPod(s, "running")
		agent := map[string]any{"agent_id": value(s.agents()["host-0"].ID)}
		s.operator("DRAIN_AGENT", "drain_agent", agent)
		waiting := s.pod("waiting", "1")
		s.eventually("the drain is detected", func() bool { return s.refusedFor(waiting, "host-0", "agent is draining") })
		fits, _ := s.filter(waiting)
		s.expect(slices.Equal(fits, []string{"host-1"}), "the other node is chosen, not %v", fits)
		s.eventually("an Event tells of it", func() bool { return slices.Contains(s.events(running), "MesosAgentDraining") })
		s.expect(s.metric("agents_unusable") == 1 && s.told("agent takes no more pods"), "so do metric and log")
		s.always("the running pod keeps its reservation", 20*time.Second, s.holds("host-0", running))
		s.operator("REACTIVATE_AGENT", "reactivate_agent", agent)
		s.fits(waiting, "host-0")
		s.expect(s.metric("agents_unusable") == 0, "the end of the drain is detected too")
	})
}

// scores asks prioritize.
func (s *stage) scores(pod *corev1.Pod) map[string]int64 {
	s.t.Helper()
	nodes := s.nodeNames()
	var list extenderv1.HostPriorityList
	s.done(s.p.post(s.ctx, "prioritize", extenderv1.ExtenderArgs{Pod: pod, NodeNames: &nodes}, &list))
	scores := map[string]int64{}
	for _, score := range list {
		scores[score.Host] = score.Score
	}
	return scores
}

// schedules plans maintenance of host-0 after a time, or none.
func (s *stage) schedules(windows ...time.Duration) {
	s.t.Helper()
	list := []any{}
	for _, after := range windows {
		list = append(list, map[string]any{
			"machine_ids":    []any{map[string]any{"hostname": "host-0", "ip": "127.0.0.1"}},
			"unavailability": map[string]any{"start": map[string]any{"nanoseconds": time.Now().Add(after).UnixNano()}},
		})
	}
	s.operator("UPDATE_MAINTENANCE_SCHEDULE", "update_maintenance_schedule",
		map[string]any{"schedule": map[string]any{"windows": list}})
}

func TestScenario42Maintenance(t *testing.T) {
	soonAhead := func(cfg *config.Config) { cfg.Offers.MaintenanceLead = seconds(10) }
	play(t, scene{configure: soonAhead}, func(s *stage) {
		running, waiting := boundPod(s, "running"), s.pod("waiting", "1")
		s.schedules(25 * time.Second)
		planned := time.Now()
		s.fits(waiting, "host-0")
		s.fits(waiting, "host-1")
		scores := s.scores(waiting)
		s.expect(scores["host-0"] == 0 && scores["host-1"] > 0, "the agent comes last: %v", scores)
		s.eventually("it is filtered out", func() bool { return s.refusedFor(waiting, "host-0", "agent under maintenance") })
		ahead := 25*time.Second - time.Since(planned)
		s.expect(ahead <= 10*time.Second && ahead > 9*time.Second, "at the lead time, not %v ahead", ahead)
		s.expect(s.sent("DECLINE_INVERSE_OFFERS") > 0 && s.sent("ACCEPT_INVERSE_OFFERS") == 0, "the inverse offer is declined for the pod")
		s.expect(s.holds("host-0", running)(), "whose reservation is kept")
		s.remove(running)
		s.eventually("the reservation is released", s.lacks("host-0", running))
		s.pod("demand", "1") // brings offers of the agent, and with them its inverse offers
		s.eventually("the next one is accepted", func() bool { return s.sent("ACCEPT_INVERSE_OFFERS") > 0 })
		s.schedules()
		s.fits(waiting, "host-0")
	})
}
