package simtest

import (
	"net/http"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/config"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/mesossim"
)

func TestScenario7MasterDiesBeforeTheReserve(t *testing.T) {
	play(t, scene{}, func(s *stage) {
		pod := s.pod("a", "1")
		s.fits(pod, "host-0")
		s.inject(mesossim.Fault{Kind: mesossim.FaultDropRequest, Call: "ACCEPT"})
		b := s.startBind(pod, "host-0")
		time.Sleep(moment)
		s.done(s.sim.FailOver())
		s.eventually("the agents are back", func() bool { return s.agents()["host-0"].Active })
		s.expect(s.reservations(pod) == 0 && s.posted() == 0, "no agent has the label, and there is no Binding")
		if b.wait() != nil {
			s.retry(pod, "host-0")
		}
		s.expect(s.reservations(pod) == 1 && s.operations("RESERVE") == 1, "one RESERVE was carried out")
	})
}

func TestScenario8MasterDiesAfterTheReserve(t *testing.T) {
	play(t, scene{}, func(s *stage) {
		pod := s.pod("a", "1")
		s.fits(pod, "host-0")
		s.inject(mesossim.Fault{Kind: mesossim.FaultLoseStatus, Count: 1})
		b := s.startBind(pod, "host-0")
		s.eventually("the agent has the reservation", s.holds("host-0", pod))
		s.done(s.sim.FailOver())
		if b.wait() != nil {
			s.retry(pod, "host-0")
		}
		s.expect(s.nodeOf(pod) == "host-0", "the pod is bound")
		s.expect(s.operations("RESERVE") == 0, "the new master saw no second RESERVE")
	})
}

func TestScenario9StatusUnknownOrRecovering(t *testing.T) {
	for status, registry := range map[string]string{
		"OPERATION_RECOVERING": "replicated_log", // the new master knows that there was such an agent
		"OPERATION_UNKNOWN":    "in_memory",
	} {
		t.Run(status, func(t *testing.T) {
			play(t, scene{flags: []string{"--registry=" + registry}}, func(s *stage) { undecided(s, status) })
		})
	}
}

// undecided has a master fail over while an agent that hangs has a RESERVE to
// do, and expects the status from the new one.
func undecided(s *stage, status string) {
	pod := s.pod("a", "1")
	s.fits(pod, "host-0")
	s.done(s.sim.HangAgent("host-0"))
	b := s.startBind(pod, "host-0")
	s.eventually("the RESERVE is under way", func() bool { return s.operations("RESERVE") == 1 })
	s.done(s.sim.FailOver())
	s.eventually("the new master knows nothing certain", func() bool {
		return s.metric(`operation_statuses_total{state="`+status+`"}`) > 0
	})
	s.always("nothing is concluded from that", 2*time.Second, func() bool {
		return s.posted() == 0 && s.metric(`reservations{state="reserving"}`) == 1
	})
	s.done(s.sim.ContinueAgent("host-0"))
	if b.wait() != nil {
		s.retry(pod, "host-0")
	}
	s.eventually("there is one reservation, of a bound pod", func() bool {
		return s.reservations(pod) == 1 && s.metric(`reservations{state="bound"}`) == 1
	})
}

func TestScenario33MesosIsDown(t *testing.T) {
	play(t, scene{}, func(s *stage) {
		running, waiting := s.pod("running", "1"), s.pod("waiting", "1")
		s.fits(running, "host-0")
		s.bind(running, "host-0")
		s.sim.KillMaster()
		s.eventually("the daemon noticed", func() bool { return !s.p.ready() })
		s.always("filter refuses with a reason", 20*time.Second, func() bool {
			fits, why := s.filter(waiting)
			return len(fits) == 0 && why["host-0"] == "no subscription to Mesos" && why["host-1"] == why["host-0"]
		})
		s.expect(s.startBind(waiting, "host-0").wait() != nil, "a bind fails")
		_, holds := s.held("host-0", running)
		s.expect(holds && s.nodeOf(running) == "host-0", "the bound pod is untouched")
		s.done(s.sim.StartMaster())
		s.eventually("the daemon is ready again", s.p.ready)
		s.retry(waiting, "host-0")
		s.expect(s.operations("UNRESERVE") == 0, "nothing was unreserved")
	})
}

func TestScenario34HalfOpenConnection(t *testing.T) {
	play(t, scene{}, func(s *stage) {
		pod := s.pod("a", "1")
		s.fits(pod, "host-0")
		s.stuck.Store(true)
		began := time.Now()
		s.eventually("the watchdog drops the connection", func() bool { return s.metric("mesos_watchdog_timeouts_total") == 1 })
		s.expect(time.Since(began) < 5*time.Second, "three heartbeats suffice, not %v", time.Since(began))
		s.expect(s.metric("offers_held") == 0, "the cache is dropped")
		s.stuck.Store(false)
		s.fits(pod, "host-0")
		s.bind(pod, "host-0")
		s.expect(s.metric("mesos_subscriptions_total") == 2, "it has subscribed anew")
	})
}

func TestScenario35RedirectBusyOrNoLeader(t *testing.T) {
	t.Run("503 and broken connections", func(t *testing.T) {
		play(t, scene{idle: true}, func(s *stage) {
			s.inject(mesossim.Fault{
				Kind: mesossim.FaultError, Call: "SUBSCRIBE", Status: http.StatusServiceUnavailable,
				Body: "No leader elected", Count: 4,
			})
			began := time.Now()
			s.restart("A1")
			s.expect(time.Since(began) > time.Second, "it backs off: four failures take longer than %v", time.Since(began))
		})
	})
	t.Run("a follower redirects", func(t *testing.T) {
		play(t, scene{idle: true}, followTheLeader)
	})
}

// followTheLeader gives the daemon the address of a follower only.
func followTheLeader(s *stage) {
	const follower = "127.0.0.1:5051"
	aside := &network{}
	redirecting, err := mesossim.Start(s.ctx, mesossim.Options{
		Addr: follower, Listen: aside.listen, RedirectTo: "127.0.0.1:5050",
	})
	s.done(err)
	defer func() { s.done(redirecting.Close()) }()
	s.aside = map[string]*link{follower: newLink(aside)}
	defer s.aside[follower].sever()
	s.restart("A1", func(cfg *config.Config) { cfg.Mesos.Masters = []string{"http://" + follower} })
	pod := s.pod("a", "1")
	s.fits(pod, "host-0")
	s.bind(pod, "host-0")
	s.remove(pod)
	s.eventually("the reservation is released", s.lacks("host-0", pod))
	s.expect(s.sent("GET_AGENTS") > 0 && s.sent("ACCEPT") > 0, "operator and framework calls reached the leader")
	s.crash()
	s.p.busy.Wait()
}

func TestScenario36FailoverTimeoutExceeded(t *testing.T) {
	shortLife := func(cfg *config.Config) { cfg.Mesos.Framework.FailoverTimeout = seconds(2) }
	play(t, scene{configure: shortLife}, func(s *stage) {
		stays, ends := s.pod("stays", "1"), s.pod("ends", "1")
		s.fits(stays, "host-0")
		s.bind(stays, "host-0")
		s.bind(ends, "host-0")
		before := s.sim.Books().Frameworks[0].ID
		s.crash()
		s.eventually("Mesos has removed the framework", func() bool { return len(s.sim.Books().Frameworks) == 0 })
		s.restart("A2")
		after := s.sim.Books().Frameworks[0].ID
		s.expect(after != before, "it has a new framework ID")
		s.eventually("both reservations are adopted", func() bool { return s.metric(`reservations{state="bound"}`) == 2 })
		s.remove(ends)
		s.eventually("the one of a pod that ends is released", s.lacks("host-0", ends))
		s.always("the other is kept", 15*time.Second, s.holds("host-0", stays))
		lease, err := s.kube.Client().CoordinationV1().Leases("kube-system").Get(s.ctx, "kube-mesos-extender", metav1.GetOptions{})
		s.done(err)
		s.expect(lease.Annotations["kube-mesos-extender.io/framework-id"] == after, "the new ID is stored")
	})
}
