package simtest

import (
	"testing"
	"time"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/config"
)

func TestScenario31APIServerDown(t *testing.T) {
	patient := func(cfg *config.Config) {
		cfg.Kubernetes.Lease.LeaseDuration, cfg.Kubernetes.Lease.RenewDeadline = seconds(60), seconds(50)
	}
	play(t, scene{configure: patient}, func(s *stage) {
		running, ended := boundPod(s, "running"), boundPod(s, "ended")
		waiting := s.pod("waiting", "1")
		s.fits(waiting, "host-0")
		s.api.outage("A1", 20*time.Second)
		s.remove(ended)
		posted := s.posted()
		b := s.startBind(waiting, "host-0")
		s.always("nothing is bound, and nothing released", 19*time.Second, func() bool {
			return s.posted() == posted && s.holds("host-0", running)() && s.holds("host-0", ended)()
		})
		s.expect(b.wait() != nil, "the bind fails")
		s.eventually("the orphan is released once the kube-apiserver is back", s.lacks("host-0", ended))
		s.retry(waiting, "host-0")
		_, holds := s.held("host-0", running)
		s.expect(holds, "the pod that runs has its reservation")
	})
}

func TestScenario31StaleInformer(t *testing.T) {
	play(t, scene{}, func(s *stage) {
		pod := s.pod("a", "1")
		s.fits(pod, "host-0")
		s.bind(pod, "host-0")
		s.crash()
		s.api.makeStale("A2", 20*time.Second)
		fresh := s.start("A2")
		s.eventually("the new one is ready", fresh.ready)
		s.always("what the informer does not tell is asked for", 19*time.Second, s.holds("host-0", pod))
	})
}

func TestScenario32PodListIncompleteAtStart(t *testing.T) {
	play(t, scene{}, func(s *stage) {
		pod := boundPod(s, "a")
		s.crash()
		s.api.inject(apiFault{kind: apiLate, call: "list pods", left: 1, delay: 10 * time.Second})
		s.start("A2")
		s.always("it is not ready before its informers are", 9*time.Second, func() bool {
			return !s.p.ready() && s.holds("host-0", pod)()
		})
		s.eventually("it is ready then", s.p.ready)
		s.always("the reservation was never in danger", 30*time.Second, s.holds("host-0", pod))
	})
}

func TestScenario32OrphansWaitForTheGrace(t *testing.T) {
	slow := func(cfg *config.Config) { cfg.Release.OrphanGrace = seconds(12) }
	play(t, scene{configure: slow}, func(s *stage) {
		pod := boundPod(s, "a")
		s.crash()
		s.remove(pod)
		s.restart("A2")
		s.always("the orphan is left alone for the grace", 10*time.Second, s.holds("host-0", pod))
		s.eventually("and released after it", s.lacks("host-0", pod))
	})
}
