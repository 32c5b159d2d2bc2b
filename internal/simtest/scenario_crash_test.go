package simtest

import (
	"testing"
	"time"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/config"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/mesossim"
)

func TestScenario10CrashBeforeTheAccept(t *testing.T) {
	patient := func(cfg *config.Config) { cfg.Bind.RemainderWait = seconds(5) }
	play(t, scene{configure: patient}, func(s *stage) {
		first, holding := s.pod("first", "1"), s.pod("holding", "3")
		s.fits(first, "host-0")
		s.inject(mesossim.Fault{Kind: mesossim.FaultDelay, Call: "ACCEPT", Delay: 2 * time.Second})
		s.startBind(first, "host-0")
		time.Sleep(beat)
		s.startBind(holding, "host-0") // waits for what the first one leaves
		s.eventually("the bind holds", func() bool { return s.metric(`reservations{state="held"}`) == 1 })
		s.crash()
		s.restart("A2")
		s.always("nothing remains of the hold", 5*time.Second, func() bool { return s.reservations(holding) == 0 })
		s.retry(holding, "host-0")
	})
}

// reservedNotBound ends the daemon between the confirmation and the Binding.
func reservedNotBound(s *stage, kind string) {
	pod := s.pod("a", "1")
	s.fits(pod, "host-0")
	s.api.inject(apiFault{kind: kind, call: "bind pods", left: 1})
	s.startBind(pod, "host-0")
	s.eventually("the agent has the reservation", s.holds("host-0", pod))
	time.Sleep(beat)
	s.crash()
	time.Sleep(lostAfter) // what is lost is lost by now
}

func TestScenario11CrashBeforeTheBinding(t *testing.T) {
	t.Run("the pod comes back to the node", func(t *testing.T) {
		play(t, scene{}, func(s *stage) {
			reservedNotBound(s, apiLose)
			pod := s.pods()[0]
			s.restart("A2")
			s.expect(s.metric("reservations_adopted_total") == 1, "the reservation is adopted")
			fits, _ := s.filter(pod)
			s.expect(len(fits) > 0 && fits[0] == "host-0", "filter knows its place")
			s.bind(pod, "host-0")
			s.expect(s.operations("RESERVE") == 1, "no second RESERVE is sent")
		})
	})
	t.Run("its agent hangs, and is restarted before it reserves", func(t *testing.T) {
		patient := scene{flags: []string{"--agent_ping_timeout=15secs", "--max_agent_ping_timeouts=5"}} // the master's defaults
		play(t, patient, func(s *stage) {
			pod := s.pod("a", "1")
			s.fits(pod, "host-0")
			s.done(s.sim.HangAgent("host-0"))
			s.startBind(pod, "host-0")
			s.eventually("the RESERVE is with the master", func() bool { return s.operations("RESERVE") == 1 })
			s.crash()
			s.restart("A2")
			s.expect(s.metric("reservations_adopted_total") == 1, "the master's word is adopted")
			s.startBind(pod, "host-0")
			s.always("nothing is bound on the master's word", 15*time.Second, func() bool { return s.posted() == 0 })
			s.done(s.sim.KillAgent("host-0"))
			s.done(s.sim.StartAgent("host-0"))
			s.always("nor afterwards", 15*time.Second, func() bool { return s.posted() == 0 })
		})
	})
	t.Run("the pod goes elsewhere", func(t *testing.T) {
		play(t, scene{}, func(s *stage) {
			reservedNotBound(s, apiLose)
			pod := s.pods()[0]
			s.restart("A2")
			s.fits(pod, "host-1")
			s.bind(pod, "host-1")
			s.eventually("the first reservation is released", s.lacks("host-0", pod))
			_, holds := s.held("host-1", pod)
			s.expect(holds, "the second is kept")
		})
	})
	t.Run("the pod is deleted meanwhile", func(t *testing.T) {
		play(t, scene{}, func(s *stage) {
			reservedNotBound(s, apiLose)
			pod := s.pods()[0]
			s.remove(pod)
			s.restart("A2")
			s.eventually("its reservation is released", s.lacks("host-0", pod))
			s.expect(s.posted() == 0, "no Binding was posted")
		})
	})
}

func TestScenario12CrashAfterTheBinding(t *testing.T) {
	play(t, scene{}, func(s *stage) {
		reservedNotBound(s, apiDeaf)
		pod := s.pods()[0]
		s.expect(pod.Spec.NodeName == "host-0", "the Binding took effect")
		s.restart("A2")
		s.eventually("the reservation is noted as bound", func() bool { return s.metric(`reservations{state="bound"}`) == 1 })
		s.always("it is kept", 30*time.Second, s.holds("host-0", pod))
		s.expect(s.operations("UNRESERVE") == 0 && s.sent("UNRESERVE_RESOURCES") == 0, "nothing was unreserved")
	})
}
