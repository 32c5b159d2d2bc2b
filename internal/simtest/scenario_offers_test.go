package simtest

import (
	"fmt"
	"testing"
	"time"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/config"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/mesossim"
)

func TestScenario1OfferRescindedBeforeTheBind(t *testing.T) {
	play(t, scene{}, func(s *stage) {
		pod := s.pod("a", "3")
		s.fits(pod, "host-0")
		s.operatorReserves("host-0", 4)
		time.Sleep(beat)
		b := s.startBind(pod, "host-0")
		s.expect(b.wait() != nil, "the bind fails: nothing is left on the node")
		s.expect(s.posted() == 0 && s.reservations(pod) == 0, "there is no Binding and no reservation")
		s.operatorGives("host-0", 4)
		s.retry(pod, "host-0")
	})
}

// splitOffers makes the cache hold two offers of host-0, of 2 cpus each.
func splitOffers(s *stage) {
	s.done(s.sim.StartNeighbour(mesossim.NeighbourSpec{
		Name: "batch", Role: "batch", Agents: []string{"host-0"}, Task: "cpus:2;mem:1024",
	}))
	s.eventually("the neighbour runs", func() bool { return s.agents()["host-0"].Allocated["cpus"] == 2 })
	pod := s.pod("splitter", "2")
	s.fits(pod, "host-0")
	s.done(s.sim.StopNeighbour("batch"))
	s.eventually("the agent is offered whole", func() bool { return s.agents()["host-0"].Offered["cpus"] == 4 })
	time.Sleep(beat)
	s.remove(pod)
}

func TestScenario1OtherOffersOfTheNodeAreUsed(t *testing.T) {
	play(t, scene{}, func(s *stage) {
		splitOffers(s)
		pod := s.pod("a", "2")
		s.fits(pod, "host-0")
		s.operatorReserves("host-0", 2) // takes back as many offers as it needs
		time.Sleep(moment)
		s.expect(s.metric("rescinds_total") == 1, "one of two offers is taken back")
		s.bind(pod, "host-0")
		s.expect(s.operations("RESERVE") == 1, "the other one is used")
	})
}

func TestScenario2RescindOvertakesItsOffer(t *testing.T) {
	play(t, scene{}, func(s *stage) {
		pod := s.pod("a", "1")
		s.fits(pod, "host-0")
		s.inject(mesossim.Fault{Kind: mesossim.FaultDelayEvent, Call: "OFFERS", Delay: 3 * time.Second})
		s.operatorReserves("host-0", 1) // takes the offer in hand back; the next one is late
		s.eventually("another offer is out", func() bool { return s.agents()["host-0"].Offered["cpus"] == 3 })
		before := s.metric("rescinds_total")
		s.operatorReserves("host-0", 3) // and takes back the one that is under way
		s.eventually("its RESCIND is here", func() bool { return s.metric("rescinds_total") > before })
		s.always("the late offer never shows", 6*time.Second, func() bool {
			nodes, _ := s.filter(pod)
			return len(nodes) == 0 || nodes[0] != "host-0"
		})
		s.expect(s.metric(`mesos_events_total{type="OFFERS"}`) >= 2, "the late offer arrived")
	})
}

func TestScenario3RescindAfterTheAcceptLeft(t *testing.T) {
	t.Run("the master took the ACCEPT first", func(t *testing.T) {
		play(t, scene{}, func(s *stage) {
			pod := s.pod("a", "1")
			s.fits(pod, "host-0")
			s.done(s.sim.HangAgent("host-0"))
			b := s.startBind(pod, "host-0")
			s.eventually("the RESERVE is in the master's books", func() bool { return s.operations("RESERVE") == 1 })
			s.operatorReserves("host-0", 1)
			time.Sleep(beat)
			s.done(s.sim.ContinueAgent("host-0"))
			s.expect(b.wait() == nil, "the bind succeeds")
			s.expect(s.operations("RESERVE") == 1, "one RESERVE was sent")
		})
	})
	t.Run("the master took the offer back first", func(t *testing.T) {
		play(t, scene{}, func(s *stage) {
			pod := s.pod("a", "1")
			s.fits(pod, "host-0")
			s.inject(mesossim.Fault{Kind: mesossim.FaultDelay, Call: "ACCEPT", Delay: 500 * time.Millisecond})
			b := s.startBind(pod, "host-0")
			time.Sleep(beat)
			s.operatorReserves("host-0", 1) // the RESCIND comes while the ACCEPT is under way
			if b.wait() != nil {
				s.expect(s.posted() == 0, "there is no Binding")
				s.retry(pod, "host-0")
			}
			s.expect(s.reservations(pod) == 1, "there is one reservation")
		})
	})
}

func TestScenario4StaleOfferAmongSeveral(t *testing.T) {
	play(t, scene{}, func(s *stage) {
		splitOffers(s)
		pod := s.pod("a", "3")
		s.fits(pod, "host-0")
		for range 3 {
			s.inject(mesossim.Fault{Kind: mesossim.FaultDelayEvent, Call: "RESCIND", Delay: 2 * time.Second})
		}
		s.operatorReserves("host-0", 1) // takes an offer back, and nobody hears of it
		s.expect(s.startBind(pod, "host-0").wait() != nil, "the first bind fails")
		s.expect(s.told("no longer valid"), "because its ACCEPT was stale")
		s.retry(pod, "host-0")
		held, _ := s.held("host-0", pod)
		s.expect(held.Amounts["cpus"] == 3, "the pod has its 3 cpus, not %g", held.Amounts["cpus"])
	})
}

func TestScenario5TwoBindsRaceForOneOffer(t *testing.T) {
	tests := map[string]struct {
		cpus  string
		bound int
	}{
		"the second fails fast":          {"3", 1},
		"the second takes the remainder": {"2", 2},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			play(t, scene{}, func(s *stage) {
				a, b := s.pod("a", tt.cpus), s.pod("b", tt.cpus)
				s.fits(a, "host-0")
				first, second := s.startBind(a, "host-0"), s.startBind(b, "host-0")
				bound := 0
				for _, each := range []*binding{first, second} {
					if each.wait() == nil {
						bound++
						continue
					}
					s.expect(each.took < 100*time.Millisecond, "it fails fast, not after %v", each.took)
				}
				s.expect(bound == tt.bound, "%d pods are bound, not %d", tt.bound, bound)
				s.expect(s.reservations(a)+s.reservations(b) == bound, "each bound pod has a reservation and no other")
			})
		})
	}
}

func TestScenario6OfferHeldPastItsTime(t *testing.T) {
	shortHold := func(cfg *config.Config) {
		cfg.Offers.IdleHold, cfg.Offers.MaxHold = seconds(0.2), seconds(0.2)
		cfg.Bind.RemainderWait, cfg.Bind.ConfirmTimeout = seconds(5), seconds(5)
	}
	play(t, scene{configure: shortHold}, func(s *stage) {
		splitOffers(s)
		a, b := s.pod("a", "1"), s.pod("b", "3")
		s.fits(b, "host-0")
		s.inject(mesossim.Fault{Kind: mesossim.FaultDelay, Call: "ACCEPT", Delay: 2500 * time.Millisecond})
		first := s.startBind(a, "host-0") // takes one offer, whose rest comes back late
		time.Sleep(beat)
		second := s.startBind(b, "host-0") // needs that rest and the other offer
		s.always("the other offer is kept for the bind", 2*time.Second, func() bool {
			return s.agents()["host-0"].Offered["cpus"] == 4
		})
		s.expect(first.wait() == nil && second.wait() == nil, "both are bound")
		s.eventually("unused offers go back", func() bool { return s.metric("offers_held") == 0 })
	})
}

func TestScenario45LongFilterHidesCapacity(t *testing.T) {
	play(t, scene{}, func(s *stage) {
		s.eventually("idle offers are declined for long", func() bool {
			return s.metric("offers_held") == 0 && s.sent("DECLINE") > 0
		})
		s.always("they stay away", 20*time.Second, func() bool { return s.metric("offers_held") == 0 })
		before := s.sent("REVIVE")
		began := time.Now()
		pod := s.pod("a", "1")
		s.fits(pod, "host-0")
		s.expect(time.Since(began) < time.Second, "a pending pod brings them back at once, not after %v", time.Since(began))
		for i := range 40 {
			s.pod(fmt.Sprint("more-", i), "5") // fit nowhere
			time.Sleep(50 * time.Millisecond)
		}
		revives := s.sent("REVIVE") - before
		s.expect(revives >= 1 && revives <= 4*3, "at most four REVIVEs a second are sent, not %d in 2 s", revives)
	})
}

func TestScenario46BurstOfOffers(t *testing.T) {
	const many = 400
	play(t, scene{}, func(s *stage) {
		pod := s.pod("a", "1")
		var burst []mesossim.AgentSpec
		for i := range many {
			burst = append(burst, agentSpec(fmt.Sprint("burst-", i)))
		}
		s.fits(pod, "host-0")
		s.done(s.sim.AddAgents(burst...))
		s.eventually("all offers are in the cache", func() bool { return s.metric("offers_held") == many+2 })
		s.bind(pod, "host-0")
		for round := range 5 { // every offer is taken back, and comes again
			s.sim.Disconnect("")
			s.eventually("none is left", func() bool { return s.metric("offers_held") == 0 })
			s.pod(fmt.Sprint("big-", round), "5") // fits nowhere
			s.eventually("all offers are back", func() bool { return s.metric("offers_held") == many+2 })
		}
		s.expect(s.metric("event_loop_seconds_sum{event=\"offers\"}") < 1, "the loop never waits")
		fits, _ := s.filter(s.pod("b", "1"))
		s.expect(len(fits) == 2, "filter answers as ever")
	})
}
