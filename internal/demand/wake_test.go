package demand

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"k8s.io/utils/clock"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/offercache"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

func wantWoken(t *testing.T, s *shop, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, s.wakes()); diff != "" {
		t.Errorf("woken (-want +got):\n%s", diff)
	}
}

// nextRound lets one round of waking pass.
func (s *shop) nextRound() { s.wait(testOptions.WakeInterval) }

func TestFreshOffersWakeAsManyAsTheyHoldByPriorityAndAge(t *testing.T) {
	inShop(t, nil, func(t *testing.T, s *shop) {
		s.refuse("low", 0, 1)
		for i := range 4 {
			s.refuse(fmt.Sprint("normal", i), 5, 1)
		}
		s.refuse("big", 5, 100)
		s.Refused(Pod{UID: "older", Priority: 5, Created: s.start.Add(-time.Hour), Role: testRole, Need: amounts(1, 0)})
		s.refuse("high", 9, 1)
		s.nextRound()
		wantWoken(t, s)
		s.offer(offerOf("o1", "a1", amounts(3, 64)), offerOf("o2", "a2", amounts(1, 64)))
		s.nextRound()
		got := s.wakes()
		chosen := map[string]bool{}
		for _, uid := range got {
			chosen[uid] = true
		}
		for _, uid := range []string{"high", "older", "normal0", "normal1"} {
			if !chosen[uid] {
				t.Errorf("%s was not woken, but %v", uid, got)
			}
		}
		if len(got) != 4 {
			t.Errorf("%d pods woken for 4 cpus: %v", len(got), got)
		}
		s.nextRound()
		wantWoken(t, s) // those that are awake count as takers
	})
}

func TestOffersAreNotPromisedTwice(t *testing.T) {
	inShop(t, nil, func(t *testing.T, s *shop) {
		s.offer(offerOf("o1", "a1", amounts(1, 64)))
		s.refuse("p1", 0, 1)
		s.nextRound()
		wantWoken(t, s, "p1")
		s.refuse("p2", 9, 1)
		s.Fits("p1") // on its way to a bind
		for range 10 {
			s.nextRound()
		}
		wantWoken(t, s)
	})
}

// A pod that was refused on the nodes it was shown may fit on others.
func TestPodRefusedOnASampleIsComparedWithEveryAgent(t *testing.T) {
	inShop(t, nil, func(t *testing.T, s *shop) {
		for i := range 50 {
			s.offer(offerOf(fmt.Sprint("o", i), fmt.Sprint("a", i), amounts(1, 64)))
		}
		s.offer(offerOf("big", "a50", amounts(8, 64)))
		s.wait(time.Second) // all of it is old news
		s.refuse("p1", 0, 8)
		s.nextRound()
		wantWoken(t, s, "p1")
	})
}

func TestNobodyIsWokenFor(t *testing.T) {
	tests := map[string]func(*shop){
		"an agent without a node": func(s *shop) {
			s.with(func() { s.unusable["a1"] = true })
			s.offer(offerOf("o1", "a1", amounts(4, 64)))
		},
		"too small an offer": func(s *shop) { s.offer(offerOf("o1", "a1", amounts(1, 64))) },
		"two offers of two agents that together would do": func(s *shop) {
			s.offer(offerOf("o1", "a1", amounts(1, 64)), offerOf("o2", "a2", amounts(1, 64)))
		},
		"another role's offer": func(s *shop) {
			o := offerOf("o1", "a1", amounts(4, 64))
			o.Role = "other"
			s.offer(o)
		},
		"an offer that another pod holds": func(s *shop) {
			keys := s.cache.Add(1, []*resources.Offer{offerOf("o1", "a1", amounts(2, 64))})
			if err := s.cache.Hold("other", keyOf("a1"), amounts(2, 0)); err != nil {
				panic(err)
			}
			s.Changed(keys)
		},
		"an offer that was rescinded": func(s *shop) {
			s.offer(offerOf("o1", "a1", amounts(4, 64)))
			s.cache.Rescind(1, "o1")
		},
	}
	for name, offers := range tests {
		t.Run(name, func(t *testing.T) {
			for _, late := range []bool{false, true} { // the pod is refused before, or after
				inShop(t, nil, func(t *testing.T, s *shop) {
					if late {
						offers(s)
						s.refuse("p1", 0, 2)
					} else {
						s.refuse("p1", 0, 2)
						s.nextRound()
						offers(s)
					}
					s.wait(time.Second)
					wantWoken(t, s)
				})
			}
		})
	}
}

func TestVainWakesBecomeRare(t *testing.T) {
	inShop(t, func(o *Options) { o.MaxHold = time.Hour }, func(t *testing.T, s *shop) {
		s.offer(offerOf("o1", "a1", amounts(4, 64)))
		s.refuse("p1", 0, 1)
		var at []time.Duration
		for range 600 { // a minute
			s.nextRound()
			if len(s.wakes()) > 0 {
				at = append(at, time.Since(s.start))
				s.refuse("p1", 0, 1) // its own rules exclude the agent's node
			}
		}
		if len(at) < 6 || len(at) > 12 {
			t.Fatalf("woken %d times in a minute, at %v", len(at), at)
		}
		if last := at[len(at)-1] - at[len(at)-2]; last < maxGap {
			t.Errorf("last wakes are %s apart, want %s by now", last, maxGap)
		}
	})
}

// kube-scheduler may never come back to us for a woken pod: then the wakes
// become rare too.
func TestUnansweredWakesBecomeRare(t *testing.T) {
	inShop(t, func(o *Options) { o.MaxHold = time.Hour }, func(t *testing.T, s *shop) {
		s.offer(offerOf("o1", "a1", amounts(4, 64)))
		s.refuse("p1", 0, 1)
		s.wait(5 * time.Minute)
		if n := len(s.wakes()); n < 10 || n > 32 {
			t.Errorf("woken %d times in 5 minutes, want about once in %s", n, maxGap+promiseTime)
		}
	})
}

// The pod for which others had to stand back does not take its share after
// all: the next in line is woken without new offers.
func TestShareThatWasNotTakenGoesToTheNext(t *testing.T) {
	tests := map[string]struct {
		happen func(*shop)
		want   []string
	}{
		"refused again":     {func(s *shop) { s.refuse("first", 9, 1) }, []string{"second"}},
		"deleted":           {func(s *shop) { s.Settled("first") }, []string{"second"}},
		"never heard again": {func(s *shop) { s.wait(promiseTime) }, []string{"second"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			inShop(t, nil, func(t *testing.T, s *shop) {
				s.refuse("first", 9, 1)
				s.refuse("second", 0, 1)
				s.nextRound()
				s.offer(offerOf("o1", "a1", amounts(1, 64)))
				s.nextRound()
				wantWoken(t, s, "first")
				tt.happen(s)
				s.nextRound()
				wantWoken(t, s, tt.want...)
			})
		})
	}
}

func TestFreedHoldWakes(t *testing.T) {
	inShop(t, nil, func(t *testing.T, s *shop) {
		s.offer(offerOf("o1", "a1", amounts(1, 64)))
		if err := s.cache.Hold("other", keyOf("a1"), amounts(1, 0)); err != nil {
			t.Fatal(err)
		}
		s.refuse("p1", 0, 1)
		s.nextRound()
		wantWoken(t, s)
		s.cache.Unhold("other")
		s.Changed([]offercache.Key{keyOf("a1")})
		s.nextRound()
		wantWoken(t, s, "p1")
	})
}

func TestOffersThatComeDuringTheBackoffAreNotForgotten(t *testing.T) {
	inShop(t, nil, func(t *testing.T, s *shop) {
		s.offer(offerOf("o1", "a1", amounts(1, 64)))
		s.refuse("p1", 0, 1)
		s.nextRound()
		s.refuse("p1", 0, 1) // in vain: firstGap
		wantWoken(t, s, "p1")
		s.cache.Rescind(1, "o1")
		s.offer(offerOf("o2", "a2", amounts(1, 64)))
		s.nextRound()
		wantWoken(t, s)
		s.wait(firstGap)
		wantWoken(t, s, "p1")
	})
}

func TestWakeThatFailsIsRepeated(t *testing.T) {
	inShop(t, nil, func(t *testing.T, s *shop) {
		s.with(func() { s.wakeErr = errDown })
		s.offer(offerOf("o1", "a1", amounts(1, 64)))
		s.refuse("p1", 0, 1)
		s.nextRound()
		wantWoken(t, s, "p1")
		s.wait(promiseTime + firstGap + 2*testOptions.WakeInterval)
		wantWoken(t, s, "p1")
	})
}

func TestSettledPodIsNotWoken(t *testing.T) {
	inShop(t, nil, func(t *testing.T, s *shop) {
		s.refuse("p1", 0, 1)
		s.Settled("p1")
		s.offer(offerOf("o1", "a1", amounts(1, 64)))
		s.wait(time.Minute)
		wantWoken(t, s)
	})
}

// A pod that is deleted while filter looks at it is refused after it was
// settled, and nobody will settle it again.
func TestPodThatDoesNotWaitIsForgotten(t *testing.T) {
	inShop(t, nil, func(t *testing.T, s *shop) {
		s.refuse("waits", 0, 100)
		s.Settled("gone")
		s.Refused(Pod{UID: "gone", Role: testRole, Need: amounts(100, 0)})
		s.wait(2 * strangeTime)
		s.Manager.mu.Lock()
		defer s.Manager.mu.Unlock()
		if _, there := s.refused["gone"]; there {
			t.Error("the pod that is gone is still waited for")
		}
		if _, there := s.refused["waits"]; !there {
			t.Error("the pod that waits was forgotten")
		}
	})
}

func TestWakingCanBeSwitchedOff(t *testing.T) {
	inShop(t, func(o *Options) { o.WakeInterval = 0 }, func(t *testing.T, s *shop) {
		s.refuse("p1", 0, 1)
		s.offer(offerOf("o1", "a1", amounts(1, 64)))
		s.wait(time.Minute)
		wantWoken(t, s)
	})
}

// After every pod has gone nothing is kept of any of them.
func TestNothingIsKeptOfSettledPods(t *testing.T) {
	inShop(t, nil, func(t *testing.T, s *shop) {
		s.offer(offerOf("o1", "a1", amounts(50, 64)))
		for i := range 100 {
			s.refuse(fmt.Sprint("p", i), 0, 1)
		}
		s.wait(time.Second)
		for i := range 100 {
			s.Settled(fmt.Sprint("p", i))
		}
		s.wait(promiseTime + time.Second)
		synctest.Wait()
		s.Manager.mu.Lock()
		defer s.Manager.mu.Unlock()
		if n := len(s.pending) + len(s.refused) + len(s.Manager.woken) + len(s.dirty); n != 0 {
			t.Errorf("kept %d pending, %d refused, %d promises, %d dirty keys",
				len(s.pending), len(s.refused), len(s.Manager.woken), len(s.dirty))
		}
	})
}

// BenchmarkRoundOfEqualPods is a full cluster in which many equal pods wait.
func BenchmarkRoundOfEqualPods(b *testing.B) {
	cache := offercache.New(clock.RealClock{})
	cache.Reset(1)
	for i := range 2000 {
		cache.Add(1, []*resources.Offer{offerOf(fmt.Sprint("o", i), fmt.Sprint("a", i), amounts(1, 64))})
	}
	m := New(testOptions, Deps{
		Cache: cache, Usable: func(string) bool { return true },
		Log: zap.NewNop(), Registerer: prometheus.NewRegistry(), Clock: clock.RealClock{},
	})
	for b.Loop() {
		b.StopTimer()
		for i := range 1000 {
			m.Refused(Pod{UID: fmt.Sprint("p", i), Role: testRole, Need: amounts(2, 0)})
		}
		b.StartTimer()
		if picked := m.round(); len(picked) != 0 {
			b.Fatalf("woke %d pods that nothing covers", len(picked))
		}
	}
}

// The first offers do not wait for the next round.
func TestOffersWakeAtOnce(t *testing.T) {
	inShop(t, func(o *Options) { o.WakeInterval = 10 * time.Second }, func(t *testing.T, s *shop) {
		s.refuse("a", 0, 1000)
		s.wait(time.Second)
		s.offer(offerOf("O1", "A1", amounts(2000, 1000)))
		s.wait(0)
		wantWoken(t, s, "a")
	})
}
