package demand

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"k8s.io/utils/clock"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/offercache"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

const testRole = "k8s/pods"

var errDown = errors.New("connection refused")

var testOptions = Options{
	Roles:    []string{testRole, "other"},
	IdleHold: 5 * time.Second, MaxHold: 20 * time.Second, HeadroomAgents: 1,
	IdleRefuse: time.Hour, PendingRefuse: 5 * time.Second,
	ReviveInterval: time.Second, WakeInterval: 100 * time.Millisecond,
}

// amounts returns a vector of whole cpus and MiB.
func amounts(cpus, mem int64) resources.Vector {
	return resources.Scalar(resources.CPUs, resources.Milli(cpus*1000)).
		Add(resources.Scalar(resources.Mem, resources.Milli(mem*1000)))
}

func keyOf(agent string) offercache.Key { return offercache.Key{AgentID: agent, Role: testRole} }

func offerOf(id, agent string, v resources.Vector) *resources.Offer {
	return &resources.Offer{ID: id, AgentID: agent, Role: testRole, Portions: []resources.Portion{{Vector: v}}}
}

// declined is one DECLINE that arrived.
type declined struct {
	ids    []string
	refuse time.Duration
}

// shop is a running manager with everything around it faked but the cache.
type shop struct {
	*Manager
	cache *offercache.Cache

	mu         sync.Mutex
	revived    []time.Duration // since the start
	strange    []string        // roles in a REVIVE that are not ours
	declines   []declined
	tries      int // DECLINEs sent, arrived or not
	declineErr error
	// declineTakes is how long the master is silent to a DECLINE.
	declineTakes time.Duration
	reviveErr    error
	wanting      map[string]int
	unusable     map[string]bool
	woken        []string
	wakeErr      error
	start        time.Time
}

// inShop runs a test with a manager that is subscribed.
func inShop(t *testing.T, change func(*Options), test func(*testing.T, *shop)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		opts := testOptions
		if change != nil {
			change(&opts)
		}
		s := &shop{cache: offercache.New(clock.RealClock{}), unusable: map[string]bool{}, start: time.Now()}
		s.Manager = New(opts, Deps{
			Cache: s.cache, Master: s,
			Wanting: func() map[string]int { s.mu.Lock(); defer s.mu.Unlock(); return s.wanting },
			Usable:  func(agent string) bool { s.mu.Lock(); defer s.mu.Unlock(); return !s.unusable[agent] },
			Wake:    s.wakePod, Log: zap.NewNop(), Registerer: prometheus.NewPedanticRegistry(), Clock: clock.RealClock{},
		})
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- s.Run(ctx) }()
		defer func() {
			cancel()
			if err := <-ended; !errors.Is(err, context.Canceled) {
				t.Errorf("Run ended with %v", err)
			}
		}()
		s.cache.Reset(1)
		s.Connection(true)
		synctest.Wait()
		test(t, s)
	})
}

func (s *shop) Decline(_ context.Context, _ uint64, ids []string, refuse time.Duration) error {
	s.mu.Lock()
	takes := s.declineTakes
	s.mu.Unlock()
	time.Sleep(takes)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tries++
	if s.declineErr == nil {
		slices.Sort(ids)
		s.declines = append(s.declines, declined{ids, refuse})
	}
	return s.declineErr
}

func (s *shop) Revive(_ context.Context, roles []string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, role := range roles {
		if !slices.Contains(testOptions.Roles, role) {
			s.strange = append(s.strange, role)
		}
	}
	if slices.Contains(roles, testRole) {
		s.revived = append(s.revived, time.Since(s.start))
	}
	return s.reviveErr
}

func (s *shop) wakePod(_ context.Context, pod Pod, _ string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.woken = append(s.woken, pod.UID)
	return s.wakeErr
}

// with changes what the fakes answer.
func (s *shop) with(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

// want sets how many reservations wait for offers of the role.
func (s *shop) want(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wanting = map[string]int{testRole: n}
}

// offer brings offers as the Mesos event loop does.
func (s *shop) offer(offers ...*resources.Offer) { s.Changed(s.cache.Add(1, offers)) }

// refuse tells that a pending pod of whole cpus was refused.
func (s *shop) refuse(uid string, priority int32, cpus int64) {
	s.Pending(uid, testRole, resources.Vector{})
	s.Refused(Pod{
		Namespace: "default", Name: uid, UID: uid, Priority: priority, Created: s.start,
		Role: testRole, Need: amounts(cpus, 0),
	})
}

// wait lets time pass.
func (s *shop) wait(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// wakes returns who was woken since the last call.
func (s *shop) wakes() []string {
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.woken
	s.woken = nil
	return out
}

// revives returns when the role was revived since the last call.
func (s *shop) revives() []time.Duration {
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.revived
	s.revived = nil
	return out
}
