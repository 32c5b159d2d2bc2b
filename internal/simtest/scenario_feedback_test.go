package simtest

import (
	"testing"
	"time"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/mesossim"
)

func TestScenario39DuplicateStatus(t *testing.T) {
	play(t, scene{}, func(s *stage) {
		s.inject(mesossim.Fault{Kind: mesossim.FaultDuplicateStatus, Count: 2})
		pod := boundPod(s, "a")
		time.Sleep(beat)
		s.expect(s.metric(`operation_statuses_total{state="OPERATION_FINISHED"}`) == 2, "the status came twice")
		s.expect(s.sent("ACKNOWLEDGE_OPERATION_STATUS") == 2, "it was acknowledged twice")
		s.expect(s.posted() == 1 && s.reservations(pod) == 1, "and acted on once")
		s.remove(pod)
		s.eventually("the reservation is released", s.lacks("host-0", pod))
		s.expect(s.agents()["host-0"].Pending == 0, "no operation is left unacknowledged")
	})
}

func TestScenario40AcknowledgementLost(t *testing.T) {
	play(t, scene{}, func(s *stage) {
		s.inject(mesossim.Fault{Kind: mesossim.FaultDropRequest, Call: "ACKNOWLEDGE_OPERATION_STATUS", Count: 2})
		boundPod(s, "a")
		s.expect(s.agents()["host-0"].Pending == 1, "the acknowledgement got lost")
		s.operator("DRAIN_AGENT", "drain_agent", map[string]any{"agent_id": value(s.agents()["host-0"].ID)})
		s.expect(s.agents()["host-0"].Drain == "DRAINING", "a drain waits for it")
		for range 20 { // the agent sends its status again after 10 s and more
			time.Sleep(2 * time.Second)
		}
		s.eventually("it was sent again, and the drain ends", func() bool {
			return s.agents()["host-0"].Pending == 0 && s.agents()["host-0"].Drain == "DRAINED"
		})
	})
}
