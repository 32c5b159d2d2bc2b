package simtest

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"k8s.io/utils/clock"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/mesos"
)

func TestScenario29TwoReplicas(t *testing.T) {
	play(t, scene{}, func(s *stage) {
		leader := s.p
		standby := s.start("B1")
		pod := s.pod("a", "1")
		s.always("only the leader subscribes", 10*time.Second, func() bool {
			return leader.ready() && !standby.ready() && s.sent("SUBSCRIBE") == 1
		})
		err := s.bindAt(standby, pod, "host-0").wait()
		s.expect(err != nil && strings.Contains(err.Error(), "503"), "the standby answers 503, not %v", err)
		s.expect(s.reservations(pod) == 0, "and reserves nothing")
		leader.kill()
		s.eventually("the standby takes over", standby.ready)
		s.fits(pod, "host-0")
		s.bind(pod, "host-0")
		s.expect(len(s.sim.Books().Frameworks) == 1, "as the same framework")
	})
}

func TestScenario29FailedOver(t *testing.T) {
	play(t, scene{}, func(s *stage) {
		id := s.sim.Books().Frameworks[0].ID
		other, err := mesos.New(mesos.Config{
			Masters: []string{s.sim.URL()}, Dial: newLink(s.network).dial, CallTimeout: 3 * time.Second,
			BackoffMin: time.Second, BackoffMax: time.Second,
			Framework: mesos.FrameworkInfo{
				Name: "kube-mesos-extender", User: "root", Principal: "extender", Roles: []string{role}, FailoverTimeout: time.Hour,
			},
		}, zap.NewNop(), prometheus.NewRegistry(), clock.RealClock{})
		s.done(err)
		ctx, cancel := context.WithCancel(s.ctx)
		defer cancel()
		calm := &neighbour{w: s.world, acks: make(chan mesos.OperationStatus, 10)}
		s.busy.Go(func() { _ = other.Run(ctx, id, calm) }) // ends with ctx
		s.eventually("the replica that was failed over stops", func() bool { return !s.p.running() })
		s.expect(s.told("failed over"), "and says why")
		s.expect(s.sent("SUBSCRIBE") == 2, "it did not subscribe again")
	})
}

func TestScenario30LeaseLostMidBind(t *testing.T) {
	play(t, scene{}, func(s *stage) {
		loser := s.p
		pod := s.pod("a", "1")
		s.fits(pod, "host-0")
		s.done(s.sim.HangAgent("host-0"))
		s.bindAt(loser, pod, "host-0")
		s.eventually("the RESERVE is under way", func() bool { return s.operations("RESERVE") == 1 })
		s.api.outage("A1", time.Minute)
		s.start("B1")
		s.eventually("the other replica leads", s.p.ready)
		s.eventually("the first one ends", func() bool { return !loser.running() })
		s.expect(s.posted() == 0, "it posted no Binding")
		if s.agents()["host-0"].Hung {
			s.done(s.sim.ContinueAgent("host-0"))
		}
		s.eventually("the agent has the reservation", s.holds("host-0", pod))
		s.retry(pod, "host-0")
		s.expect(s.operations("RESERVE") == 1, "the new leader adopted it")
		s.expect(s.reservations(pod) == 1, "there is one reservation")
	})
}
