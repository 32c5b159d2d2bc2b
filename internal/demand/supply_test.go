package demand

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/mesos"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

func wantDeclines(t *testing.T, s *shop, want ...declined) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if diff := cmp.Diff(want, s.declines, cmp.AllowUnexported(declined{})); diff != "" {
		t.Errorf("declined (-want +got):\n%s", diff)
	}
}

func TestIdleOffersGoBackExceptTheHeadroom(t *testing.T) {
	inShop(t, nil, func(t *testing.T, s *shop) {
		s.offer(offerOf("o1", "a1", amounts(1, 64)))
		s.wait(time.Second)
		s.offer(offerOf("o2", "a2", amounts(1, 64)), offerOf("o3", "a3", amounts(1, 64)))
		s.wait(testOptions.IdleHold - time.Second)
		wantDeclines(t, s)
		s.wait(time.Second + housekeeping)
		wantDeclines(t, s, declined{[]string{"o2", "o3"}, testOptions.IdleRefuse})
		s.wait(time.Hour) // the oldest agent's offer is the headroom
		wantDeclines(t, s, declined{[]string{"o2", "o3"}, testOptions.IdleRefuse})
		if got := s.cache.Stats().Offers; got != 1 {
			t.Errorf("%d offers in hand, want the headroom", got)
		}
	})
}

func TestHeadroomKeepsEveryOfferOfItsAgents(t *testing.T) {
	inShop(t, nil, func(t *testing.T, s *shop) {
		s.offer(offerOf("o1", "a1", amounts(1, 64)), offerOf("o2", "a1", amounts(1, 64)))
		s.wait(time.Minute)
		wantDeclines(t, s)
	})
}

// Trap T17: what is reserved for the role and has no task comes back every
// second, unless it is held or declined for long.
func TestWithoutHeadroomEverythingGoesBack(t *testing.T) {
	inShop(t, func(o *Options) { o.HeadroomAgents = 0 }, func(t *testing.T, s *shop) {
		s.offer(offerOf("o1", "a1", amounts(1, 64)))
		s.wait(time.Minute)
		wantDeclines(t, s, declined{[]string{"o1"}, testOptions.IdleRefuse})
	})
}

func TestOffersAreKeptWhilePodsWaitButNotForEver(t *testing.T) {
	inShop(t, nil, func(t *testing.T, s *shop) {
		s.offer(offerOf("o1", "a1", amounts(1, 64)))
		s.Pending("p1", testRole, resources.Vector{})
		s.wait(testOptions.MaxHold - housekeeping)
		wantDeclines(t, s)
		s.wait(2 * housekeeping)
		wantDeclines(t, s, declined{[]string{"o1"}, testOptions.PendingRefuse})
	})
}

func TestOffersThatCoverAPendingPodAreKeptLonger(t *testing.T) {
	inShop(t, nil, func(t *testing.T, s *shop) {
		s.offer(offerOf("o1", "a1", amounts(1, 64)), offerOf("o2", "a2", amounts(2, 64)))
		s.Pending("p1", testRole, amounts(2, 32))
		s.wait(testOptions.MaxHold + housekeeping)
		wantDeclines(t, s, declined{[]string{"o1"}, testOptions.PendingRefuse})
		for range patience - 1 {
			wantDeclines(t, s, declined{[]string{"o1"}, testOptions.PendingRefuse})
			s.Fits("p1") // its binds fail, and it is tried again
			s.wait(testOptions.MaxHold)
		}
		wantDeclines(t, s, declined{[]string{"o1"}, testOptions.PendingRefuse},
			declined{[]string{"o2"}, testOptions.PendingRefuse})
	})
}

// A pod that kube-scheduler has stopped asking about, because it is too large
// or its own rules exclude every node, must not cost the neighbours anything.
func TestPodThatIsNotTriedKeepsNothing(t *testing.T) {
	inShop(t, func(o *Options) { o.HeadroomAgents = 0 }, func(t *testing.T, s *shop) {
		s.Pending("p1", testRole, amounts(2, 32))
		s.wait(interest*testOptions.MaxHold - testOptions.IdleHold - housekeeping)
		s.offer(offerOf("o1", "a1", amounts(2, 64)))
		s.wait(testOptions.IdleHold)
		wantDeclines(t, s)
		s.wait(2 * housekeeping)
		wantDeclines(t, s, declined{[]string{"o1"}, testOptions.IdleRefuse})

		s.revives() // what came before does not count
		s.Refused(Pod{UID: "p1", Role: testRole, Need: amounts(2, 32)})
		s.wait(housekeeping)
		if got := s.revives(); len(got) != 1 {
			t.Errorf("%d REVIVEs for a pod that is tried again, want 1", len(got))
		}
	})
}

func TestWakingAPodThatIsGoneForgetsIt(t *testing.T) {
	inShop(t, nil, func(t *testing.T, s *shop) {
		s.with(func() { s.wakeErr = ErrGone })
		s.offer(offerOf("o1", "a1", amounts(2, 64)))
		s.Refused(Pod{UID: "p1", Role: testRole, Need: amounts(2, 32)})
		s.wait(time.Second)
		s.Manager.mu.Lock()
		defer s.Manager.mu.Unlock()
		if len(s.refused) != 0 || len(s.Manager.woken) != 0 {
			t.Errorf("%d refused and %d woken pods are remembered", len(s.refused), len(s.Manager.woken))
		}
	})
}

func TestOfferOfAnAgentThatTakesNoPodsIsNotKeptForAPodThatItCovers(t *testing.T) {
	inShop(t, nil, func(t *testing.T, s *shop) {
		s.with(func() { s.unusable["a1"] = true })
		s.offer(offerOf("o1", "a1", amounts(4, 64)))
		s.Pending("p1", testRole, amounts(2, 32))
		s.wait(testOptions.MaxHold + housekeeping)
		wantDeclines(t, s, declined{[]string{"o1"}, testOptions.PendingRefuse})
	})
}

func TestReservationsThatWaitKeepOffersToo(t *testing.T) {
	inShop(t, func(o *Options) { o.HeadroomAgents = 0 }, func(t *testing.T, s *shop) {
		s.want(1)
		s.offer(offerOf("o1", "a1", amounts(1, 64)))
		s.wait(2 * testOptions.IdleHold)
		wantDeclines(t, s)
	})
}

func TestScenario6OfferThatABindHoldsIsNotDeclined(t *testing.T) {
	inShop(t, func(o *Options) { o.HeadroomAgents = 0 }, func(t *testing.T, s *shop) {
		s.offer(offerOf("o1", "a1", amounts(1, 64)))
		if err := s.cache.Hold("p1", keyOf("a1"), amounts(1, 64)); err != nil {
			t.Fatal(err)
		}
		s.wait(time.Hour)
		wantDeclines(t, s)
		s.cache.Unhold("p1")
		s.wait(housekeeping)
		wantDeclines(t, s, declined{[]string{"o1"}, testOptions.IdleRefuse})
	})
}

func TestLostDeclineIsRepeated(t *testing.T) {
	tests := map[string]struct {
		err   error
		tries int // in ten rounds of housekeeping, before the last one that may work
		later []declined
	}{
		"no answer":                {errDown, 10, []declined{{[]string{"o1"}, testOptions.IdleRefuse}}},
		"the subscription is over": {mesos.ErrDisconnected, 1, nil},
		"refused before the wire":  {mesos.ErrDeadly, 1, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			inShop(t, func(o *Options) { o.HeadroomAgents = 0 }, func(t *testing.T, s *shop) {
				s.with(func() { s.declineErr = tt.err })
				s.offer(offerOf("o1", "a1", amounts(1, 64)))
				s.wait(testOptions.IdleHold + 9*housekeeping)
				s.with(func() {
					if s.tries != tt.tries {
						t.Errorf("%d DECLINEs, want %d", s.tries, tt.tries)
					}
				})
				s.with(func() { s.declineErr = nil })
				s.wait(2 * housekeeping)
				wantDeclines(t, s, tt.later...)
			})
		})
	}
}

// Trap T7: a long decline also hides later offers, until a REVIVE.
func TestFirstPendingPodRevivesAtOnce(t *testing.T) {
	inShop(t, nil, func(t *testing.T, s *shop) {
		s.wait(time.Minute + 123*time.Millisecond)
		if got := s.revives(); len(got) != 0 {
			t.Fatalf("revived at %v while nobody waits", got)
		}
		s.Pending("p1", testRole, resources.Vector{})
		if diff := cmp.Diff([]time.Duration{time.Minute + 123*time.Millisecond}, s.revives()); diff != "" {
			t.Errorf("revived (-want +got):\n%s", diff)
		}
	})
}

func TestRevivesOfOldDemandBecomeRare(t *testing.T) {
	inShop(t, nil, func(t *testing.T, s *shop) {
		s.Pending("p1", testRole, resources.Vector{})
		s.wait(30 * time.Minute)
		got := s.revives()
		var gaps []time.Duration
		for i := 1; i < len(got); i++ {
			gaps = append(gaps, got[i]-got[i-1])
		}
		want := []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 16 * time.Second,
			32 * time.Second, 64 * time.Second, 128 * time.Second, 256 * time.Second,
			maxReviveGap, maxReviveGap, maxReviveGap, maxReviveGap}
		if diff := cmp.Diff(want, gaps); diff != "" {
			t.Errorf("gaps between REVIVEs (-want +got):\n%s", diff)
		}
		s.Settled("p1")
		s.wait(time.Hour)
		if got := s.revives(); len(got) != 0 {
			t.Errorf("revived at %v although nobody waits any more", got)
		}
	})
}

func TestNewDemandIsServedSoonButWithinTheLimit(t *testing.T) {
	news := map[string]func(*shop){
		"another pending pod": func(s *shop) { s.Pending("p2", testRole, resources.Vector{}) },
		"another reservation": func(s *shop) { s.want(1) },
		"a bind in a hurry":   func(s *shop) { s.Hurry(testRole) },
		"a new subscription":  func(s *shop) { s.Connection(false); s.Connection(true) },
		"a pod that changed its role": func(s *shop) {
			s.Pending("p1", "other", resources.Vector{})
			s.Pending("p1", testRole, resources.Vector{})
		},
	}
	for name, happen := range news {
		t.Run(name, func(t *testing.T) {
			inShop(t, nil, func(t *testing.T, s *shop) {
				s.Pending("p1", testRole, resources.Vector{})
				s.wait(50 * time.Second) // the gap is long by now
				s.revives()
				happen(s)
				s.wait(housekeeping)
				first := s.revives()
				if len(first) != 1 {
					t.Fatalf("revived at %v, want once", first)
				}
				happen(s)
				s.wait(testOptions.ReviveInterval - housekeeping - time.Millisecond)
				if got := s.revives(); len(got) != 0 {
					t.Errorf("revived at %v, %s after the last", got, got[0]-first[0])
				}
			})
		})
	}
}

// A bind that comes too soon after a REVIVE waits for the limit, and no longer.
func TestReviveComesAsSoonAsTheLimitAllows(t *testing.T) {
	inShop(t, nil, func(t *testing.T, s *shop) {
		const first = 123 * time.Millisecond // not when supply looks anyway
		s.wait(first)
		s.Pending("p1", testRole, resources.Vector{})
		s.wait(time.Millisecond)
		s.revives()
		s.Hurry(testRole)
		s.wait(2 * testOptions.ReviveInterval)
		got := s.revives()
		if len(got) == 0 || got[0] != first+testOptions.ReviveInterval {
			t.Errorf("revived at %v, want %s after the first at %s", got, testOptions.ReviveInterval, first)
		}
	})
}

// What waited before and got its offers is no excuse to be late for the next.
func TestDemandThatComesBackIsNew(t *testing.T) {
	inShop(t, nil, func(t *testing.T, s *shop) {
		s.want(1)
		s.wait(50 * time.Second) // the gap is long by now
		s.want(0)
		s.wait(housekeeping)
		s.revives()
		s.want(1)
		s.wait(2 * housekeeping)
		if got := s.revives(); len(got) != 1 {
			t.Errorf("revived at %v, want once, soon", got)
		}
	})
}

func TestBurstOfPodsIsOneRevive(t *testing.T) {
	inShop(t, nil, func(t *testing.T, s *shop) {
		for i := range 500 {
			s.Pending(fmt.Sprint("p", i), testRole, resources.Vector{})
		}
		s.wait(testOptions.ReviveInterval - time.Millisecond)
		if got := s.revives(); len(got) != 1 {
			t.Errorf("revived at %v for one burst", got)
		}
	})
}

func TestNoReviveWithoutSubscription(t *testing.T) {
	inShop(t, nil, func(t *testing.T, s *shop) {
		s.Connection(false)
		s.Pending("p1", testRole, resources.Vector{})
		s.wait(time.Minute)
		if got := s.revives(); len(got) != 0 {
			t.Fatalf("revived at %v without a subscription", got)
		}
		s.Connection(true)
		if got := s.revives(); len(got) != 1 {
			t.Errorf("revived %d times on the new subscription, want once at once", len(got))
		}
	})
}

// Mesos ignores a REVIVE as a whole if it names a role that is not ours, and
// anybody may write one on a pod.
func TestRoleThatIsNotOursIsNeverRevived(t *testing.T) {
	inShop(t, nil, func(t *testing.T, s *shop) {
		s.with(func() { s.wanting = map[string]int{"of an older configuration": 1} })
		s.Pending("stranger", "no-such-role", resources.Vector{})
		s.Pending("p1", testRole, resources.Vector{})
		s.wait(time.Minute)
		s.mu.Lock()
		defer s.mu.Unlock()
		if len(s.revived) == 0 || len(s.strange) != 0 {
			t.Errorf("%d REVIVEs for our role, and strange ones: %v", len(s.revived), s.strange)
		}
	})
}

func TestLostReviveIsRepeated(t *testing.T) {
	inShop(t, nil, func(t *testing.T, s *shop) {
		s.with(func() { s.reviveErr = errDown })
		s.Pending("p1", testRole, resources.Vector{})
		s.wait(10 * time.Second)
		if got := s.revives(); len(got) < 9 || len(got) > 11 {
			t.Errorf("%d attempts in 10 s, want one a second", len(got))
		}
	})
}

func TestDeclineThatHangsDoesNotKeepAReviveWaiting(t *testing.T) {
	inShop(t, func(o *Options) { o.HeadroomAgents = 0 }, func(t *testing.T, s *shop) {
		s.with(func() { s.declineTakes = 10 * time.Second })
		s.offer(offerOf("o1", "a1", amounts(1, 64)))
		s.wait(testOptions.IdleHold + housekeeping)
		s.revives()
		s.Pending("p1", testRole, amounts(1, 64))
		s.wait(testOptions.ReviveInterval)
		if got := s.revives(); len(got) == 0 {
			t.Error("no REVIVE while the DECLINE hangs")
		}
	})
}
