package offercache

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

// Trap T1: nothing of an earlier subscription survives, and nothing that
// still comes from it gets in.
func TestResetDropsTheOldSubscription(t *testing.T) {
	f := subscribed(t, offer("o1", key1, amounts(4, 400)), offer("o2", Key{"agent-2", role}, amounts(1, 100)))
	f.Rescind(1, "never-seen")
	f.mustHold("departed", key1, amounts(1, 100))
	f.mustTake(key1)
	f.mustHold("waiting", key1, amounts(1, 100))
	f.Reset(2)
	want := Stats{Generation: 2, HoldsWaiting: 1, HoldsDeparted: 1}
	if diff := cmp.Diff(want, f.Stats()); diff != "" {
		t.Errorf("stats (-want +got):\n%s", diff)
	}
	if got := f.Snapshot(); got.Generation() != 2 || got.Len() != 0 {
		t.Errorf("snapshot of generation %d with %d agents, want 2 and none", got.Generation(), got.Len())
	}
	if keys := f.Add(1, []*resources.Offer{offer("late", key1, amounts(4, 400))}); keys != nil {
		t.Errorf("an offer of the old subscription touched %v", keys)
	}
	if _, ok := f.Rescind(1, "late"); ok || f.Stats().Tombstones != 0 {
		t.Error("a rescind of the old subscription had an effect")
	}
	f.Add(2, []*resources.Offer{offer("o3", key1, amounts(1, 100))})
	if d := f.mustTake(key1); d.Generation != 2 || d.Reserve[0].PodUID != "waiting" {
		t.Errorf("departure %v, want the waiting hold in generation 2", d)
	}
}

func TestDisconnectedCacheTakesNothing(t *testing.T) {
	f := subscribed(t)
	f.Reset(0)
	if keys := f.Add(0, []*resources.Offer{offer("o1", key1, amounts(1, 1))}); keys != nil {
		t.Errorf("an offer without a subscription touched %v", keys)
	}
}

func TestHoldsKeepTheirOrderThroughReset(t *testing.T) {
	f := subscribed(t, offer("o1", key1, amounts(20, 0)))
	var want []string
	for i := range 20 {
		uid := fmt.Sprintf("pod-%02d", i)
		f.mustHold(uid, key1, amounts(1, 0))
		want = append(want, uid)
	}
	f.Reset(2)
	if diff := cmp.Diff(want, f.Doomed(key1)); diff != "" {
		t.Errorf("doomed (-want +got):\n%s", diff)
	}
}

// Scenario 1: another offer of the node can serve the hold.
func TestRescindBetweenFilterAndBind(t *testing.T) {
	f := subscribed(t, offer("o1", key1, amounts(2, 200)), offer("o2", key1, amounts(2, 200)))
	f.mustHold("pod-a", key1, amounts(2, 200))
	if key, ok := f.Rescind(1, "o1"); !ok || key != key1 {
		t.Errorf("Rescind = %v, %v", key, ok)
	}
	if doomed := f.Doomed(key1); len(doomed) != 0 {
		t.Errorf("doomed %v, though o2 covers it", doomed)
	}
	f.Rescind(1, "o2")
	if diff := cmp.Diff([]string{"pod-a"}, f.Doomed(key1)); diff != "" {
		t.Errorf("doomed (-want +got):\n%s", diff)
	}
	f.wantFree(key1, "no agent")
	if d, ok := f.Take(key1); ok {
		t.Errorf("%v leaves without an offer", d)
	}
}

// Scenario 2: the RESCIND is processed before its OFFER.
func TestTombstone(t *testing.T) {
	f := subscribed(t)
	if key, ok := f.Rescind(1, "o1"); ok {
		t.Errorf("rescind of an unknown offer gives %v", key)
	}
	f.Rescind(1, "o1")
	if keys := f.Add(1, []*resources.Offer{offer("o1", key1, amounts(2, 200))}); keys != nil {
		t.Errorf("the rescinded offer touched %v", keys)
	}
	f.wantFree(key1, "no agent")
	if got := f.Stats().Tombstones; got != 0 {
		t.Errorf("%d tombstones are left", got)
	}
}

// Scenario 46: nothing grows without bound.
func TestTombstonesForgetTheOldest(t *testing.T) {
	f := subscribed(t)
	for i := range maxTombstones + 10 {
		f.Rescind(1, fmt.Sprint("o", i))
	}
	if got := f.Stats().Tombstones; got != maxTombstones {
		t.Fatalf("%d tombstones, want %d", got, maxTombstones)
	}
	for id, want := range map[string]bool{"o0": false, "o9": false, "o10": true, fmt.Sprint("o", maxTombstones+9): true} {
		if got := f.tombstones.remove(id); got != want {
			t.Errorf("%s is remembered: %v, want %v", id, got, want)
		}
	}
}

// Scenario 3: a RESCIND after our ACCEPT left changes nothing here.
func TestRescindOfASpentOffer(t *testing.T) {
	f := subscribed(t, offer("o1", key1, amounts(2, 200)))
	f.mustHold("pod-a", key1, amounts(1, 100))
	f.mustTake(key1)
	if _, ok := f.Rescind(1, "o1"); ok {
		t.Error("a spent offer was found")
	}
	f.wantFree(key1, "cpus:1;mem:100")
}

// Scenario 4: after a failed ACCEPT the pod is tried again on new offers.
func TestDepartedHoldTriesAgain(t *testing.T) {
	f := subscribed(t, offer("o1", key1, amounts(2, 200)))
	f.mustHold("pod-a", key1, amounts(2, 200))
	f.mustTake(key1)
	f.Add(1, []*resources.Offer{offer("o2", key1, amounts(2, 200))})
	f.mustHold("pod-a", key1, amounts(2, 200)) // still the departed one
	if d, ok := f.Take(key1); ok {
		t.Fatalf("a departed hold left again: %v", d)
	}
	f.Unhold("pod-a")
	f.mustHold("pod-a", key1, amounts(2, 200))
	if d := f.mustTake(key1); d.OfferIDs[0] != "o2" {
		t.Errorf("departure %v, want o2", d)
	}
}

// Scenario 5: of many binds that race for one offer exactly as many win as fit.
func TestRacingHolds(t *testing.T) {
	f := subscribed(t, offer("o1", key1, amounts(10, 1000)))
	var wg sync.WaitGroup
	errs := make([]error, 50)
	for i := range errs {
		wg.Go(func() { errs[i] = f.Hold(fmt.Sprint("pod-", i), key1, amounts(1, 100)) })
	}
	wg.Wait()
	won := 0
	for _, err := range errs {
		var short *ShortError
		switch {
		case err == nil:
			won++
		case !errors.As(err, &short) || short.Resource != resources.CPUs || short.Key != key1:
			t.Errorf("a loser got %v, want a ShortError about cpus", err)
		}
	}
	if d := f.mustTake(key1); won != 10 || len(d.Reserve) != 10 {
		t.Errorf("%d won and %d left, want 10", won, len(d.Reserve))
	}
}

// Scenario 6: an offer past its time limit is only declined if unused.
func TestWithdrawSparesBusyKeys(t *testing.T) {
	key2 := Key{key1.AgentID, "other"} // same agent, another role: trap T4
	f := subscribed(t, offer("o1", key1, amounts(1, 100)))
	f.clock.SetTime(f.clock.Now().Add(time.Minute))
	f.Add(1, []*resources.Offer{offer("o2", key1, amounts(1, 100)), offer("o3", key2, amounts(1, 100))})
	f.mustHold("pod-a", key1, amounts(1, 100))
	var held []string
	for _, h := range f.Held(0) {
		held = append(held, fmt.Sprint(h.Offer.ID, " ", f.clock.Now().Sub(h.Since), " ", h.Busy))
	}
	if diff := cmp.Diff([]string{"o1 1m0s true", "o2 0s true", "o3 0s false"}, held); diff != "" {
		t.Errorf("held (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"o3"}, f.Withdraw([]string{"o1", "o2", "o3", "o4"})); diff != "" {
		t.Errorf("withdrawn (-want +got):\n%s", diff)
	}
	f.wantFree(key2, "")
	f.wantFree(key1, "cpus:1;mem:100")
	f.Unhold("pod-a")
	if got := f.Withdraw([]string{"o1", "o2"}); len(got) != 2 || f.Stats().Offers != 0 || f.Snapshot().Len() != 0 {
		t.Errorf("withdrawn %v, left %+v", got, f.Stats())
	}
}

// Every way out of the cache is a way out of the order by age.
func TestHeldByAge(t *testing.T) {
	var f fixture
	want := func(age time.Duration, ids ...string) {
		t.Helper()
		var got []string
		for _, h := range f.Held(age) {
			got = append(got, h.Offer.ID)
		}
		if diff := cmp.Diff(ids, got); diff != "" {
			t.Errorf("held for %s (-want +got):\n%s", age, diff)
		}
	}
	f = subscribed(t)
	for i := range 5 {
		key := Key{fmt.Sprint("agent-", i), role}
		f.Add(1, []*resources.Offer{offer(fmt.Sprint("o", i), key, amounts(1, 100))})
		f.clock.SetTime(f.clock.Now().Add(time.Second))
	}
	want(0, "o0", "o1", "o2", "o3", "o4")
	want(4*time.Second, "o0", "o1")
	want(6 * time.Second)
	f.Rescind(1, "o0")
	f.Withdraw([]string{"o2"})
	f.ForgetAgent("agent-4")
	want(0, "o1", "o3")
	f.mustHold("pod", Key{"agent-1", role}, amounts(1, 100))
	f.mustTake(Key{"agent-1", role})
	want(0, "o3")
	f.Reset(2)
	want(0)
	f.Add(2, []*resources.Offer{offer("o9", key1, amounts(1, 100))})
	want(0, "o9")
}

func TestHoldRefusals(t *testing.T) {
	other := Key{"agent-2", role}
	setUp := func(t *testing.T) fixture {
		f := subscribed(t, offer("o1", key1, amounts(4, 400).Add(ports(31000, 31001))), offer("o2", other, amounts(4, 400)))
		f.mustHold("pod-a", key1, amounts(1, 100).Add(ports(31000, 31000)))
		return f
	}
	short := func(key Key, resource string) error { return &ShortError{key, resource} }
	tests := []struct {
		name string
		uid  string
		key  Key
		need resources.Vector
		want error
	}{
		{"the same again", "pod-a", key1, amounts(1, 100).Add(ports(31000, 31000)), nil},
		{"the same pod, another agent (scenario 17)", "pod-a", other, amounts(1, 100).Add(ports(31000, 31000)), ErrHeldElsewhere},
		{"the same pod, other amounts", "pod-a", key1, amounts(1, 50), ErrHeldElsewhere},
		{"all the rest", "pod-b", key1, amounts(3, 300).Add(ports(31001, 31001)), nil},
		{"a held port", "pod-b", key1, ports(31000, 31000), short(key1, resources.Ports)},
		{"too much memory", "pod-b", key1, amounts(3, 301), short(key1, resources.Mem)},
		{"another role (trap T4)", "pod-b", Key{key1.AgentID, "other"}, amounts(1, 100), short(Key{key1.AgentID, "other"}, resources.CPUs)},
		{"unknown agent", "pod-b", Key{"agent-3", role}, amounts(0, 1), short(Key{"agent-3", role}, resources.Mem)},
		{"nothing (trap T18)", "pod-b", key1, resources.Vector{}, ErrEmptyNeed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := setUp(t)
			err := f.Hold(tt.uid, tt.key, tt.need)
			var got, want *ShortError
			if errors.As(err, &got) && errors.As(tt.want, &want) && *got == *want {
				return
			}
			if !errors.Is(err, tt.want) {
				t.Errorf("error %v, want %v", err, tt.want)
			}
		})
	}
}

func TestUnholdGivesBack(t *testing.T) {
	f := subscribed(t, offer("o1", key1, amounts(2, 200)))
	f.mustHold("pod-a", key1, amounts(2, 200))
	f.wantFree(key1, "")
	f.Unhold("pod-a")
	f.Unhold("pod-a")
	f.Unhold("never-held")
	f.wantFree(key1, "cpus:2;mem:200")
	if diff := cmp.Diff(Stats{Generation: 1, Offers: 1, Agents: 1}, f.Stats()); diff != "" {
		t.Errorf("stats (-want +got):\n%s", diff)
	}
}

func TestSameOfferTwiceCountsOnce(t *testing.T) {
	o := offer("o1", key1, amounts(2, 200))
	f := subscribed(t, o, o)
	f.Add(1, []*resources.Offer{o})
	f.wantFree(key1, "cpus:2;mem:200")
}

// A burst larger than one chunk comes in whole, each key reported once.
func TestAddManyOffers(t *testing.T) {
	f := fixture{New(clocktesting.NewFakePassiveClock(time.Time{})), nil, t}
	f.Reset(1)
	var burst []*resources.Offer
	for i := range 3 * chunk {
		burst = append(burst, offer(fmt.Sprint("o", i), Key{fmt.Sprint("agent-", i%(2*chunk)), role}, amounts(1, 100)))
	}
	keys := f.Add(1, burst)
	if len(keys) != 2*chunk || f.Snapshot().Len() != 2*chunk || f.Stats().Offers != 3*chunk {
		t.Errorf("%d keys, %d agents, %+v", len(keys), f.Snapshot().Len(), f.Stats())
	}
	seen := 0
	for id, view := range f.Snapshot().Agents() {
		if again, ok := f.Snapshot().Agent(id); !ok || again != view {
			t.Fatalf("agent %s is listed but not found", id)
		}
		seen++
	}
	if seen != 2*chunk {
		t.Errorf("%d agents are listed", seen)
	}
}
