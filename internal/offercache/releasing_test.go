package offercache

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

// release is a reservation of a pod that lingers.
func release(uid string, v resources.Vector) Release {
	return Release{PodUID: uid, Portions: []resources.Portion{{Layers: pod(uid), Vector: v}}}
}

// unreserves lists the pods whose reservations leave.
func unreserves(d Departure) []string {
	var uids []string
	for _, u := range d.Unreserve {
		uids = append(uids, u.PodUID)
	}
	return uids
}

func TestReleasesCountAsFreeButNotAsCertain(t *testing.T) {
	f := subscribed(t)
	f.SetReleasing(key1, []Release{release("a", amounts(2, 200))})
	view, ok := f.Snapshot().Agent(key1.AgentID)
	if !ok {
		t.Fatal("an agent without offers, but with releases, is not shown")
	}
	if diff := cmp.Diff([]RoleView{{Role: role, Free: amounts(2, 200)}}, view.Roles); diff != "" {
		t.Errorf("roles (-want +got):\n%s", diff)
	}
	f.mustHold("new", key1, amounts(2, 200))
	f.wantFree(key1, "")
	if d, ok := f.Take(key1); ok {
		t.Fatalf("%v leaves although nothing is in hand", d)
	}
	f.SetReleasing(key1, nil)
	if diff := cmp.Diff([]string{"new"}, f.Doomed(key1)); diff != "" {
		t.Errorf("doomed once nothing is released (-want +got):\n%s", diff)
	}
	f.Unhold("new")
	f.wantFree(key1, "no agent")
}

func TestReleaseFreesOnlyWhatTheRoleCanUse(t *testing.T) {
	f := subscribed(t)
	other := []resources.Layer{{Dynamic: true, Role: "other"}, pod("a")[0]}
	f.SetReleasing(key1, []Release{{PodUID: "a", Portions: []resources.Portion{{Layers: other, Vector: amounts(1, 1)}}}})
	f.wantFree(key1, "no agent")
}

func TestTakeHandsOverOnlyWhatIsNeeded(t *testing.T) {
	tests := []struct {
		name string
		need resources.Vector
		want []string
		left string // free afterwards
	}{
		{"the offer covers it", amounts(1, 100), nil, "cpus:8;mem:800"},
		{"the smallest that is enough", amounts(2, 200), []string{"one"}, "cpus:7;mem:700"},
		{"the one that is enough", amounts(4, 300), []string{"three"}, "cpus:5;mem:600"},
		{"several", amounts(7, 700), []string{"three", "four"}, "cpus:2;mem:200"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			releases := []Release{release("one", amounts(1, 100)), release("three", amounts(3, 300)), release("four", amounts(4, 400))}
			o := offer("o1", key1, amounts(1, 100))
			for _, r := range releases {
				o = with(o, r.Portions[0].Layers, r.Portions[0].Vector)
			}
			f := subscribed(t, o)
			f.SetReleasing(key1, releases)
			if d, ok := f.Take(key1); ok {
				t.Fatalf("%v leaves though nobody needs it", d)
			}
			f.mustHold("new", key1, tt.need)
			d := f.mustTake(key1)
			if d.HandedOver != len(d.Unreserve) || len(d.Reserve) != 1 {
				t.Errorf("departure %+v", d)
			}
			if diff := cmp.Diff(tt.want, unreserves(d)); diff != "" {
				t.Errorf("unreserved (-want +got):\n%s", diff)
			}
			f.wantFree(key1, tt.left)
		})
	}
}

func TestDueReleaseLeavesAlone(t *testing.T) {
	r := release("a", amounts(2, 200))
	r.Due = true
	f := subscribed(t, with(offer("o1", key1, amounts(1, 100)), pod("a"), amounts(2, 200)))
	f.SetReleasing(key1, []Release{r, release("b", amounts(1, 100))})
	d := f.mustTake(key1)
	if diff := cmp.Diff([]string{"a"}, unreserves(d)); diff != "" || d.HandedOver != 0 {
		t.Errorf("%d handed over, unreserved (-want +got):\n%s", d.HandedOver, diff)
	}
	f.wantFree(key1, "cpus:4;mem:400") // b's is still on its way out
}

// Mesos refused it before: it leaves again, but no RESERVE hangs on it.
func TestDoubtfulReleaseIsNotCountedOn(t *testing.T) {
	r := release("a", amounts(2, 200))
	r.Due, r.Doubtful = true, true
	f := subscribed(t, with(offer("o1", key1, amounts(1, 100)), pod("a"), amounts(2, 200)))
	f.SetReleasing(key1, []Release{r})
	f.wantFree(key1, "cpus:1;mem:100")
	f.mustHold("new", key1, amounts(1, 100))
	d := f.mustTake(key1)
	if len(d.Reserve) != 1 || len(d.Unreserve) != 1 {
		t.Errorf("departure %+v, want both to leave", d)
	}
	if got := d.Reserve[0].Portions[0].Vector; !got.Equal(amounts(1, 100)) {
		t.Errorf("reserved %v", got)
	}
	f.wantFree(key1, "no agent") // nothing is expected of the refused one
}

func TestReleasesEndWithTheirAgentAndSubscription(t *testing.T) {
	for name, end := range map[string]func(fixture){
		"agent":        func(f fixture) { f.ForgetAgent(key1.AgentID) },
		"subscription": func(f fixture) { f.Reset(2) },
	} {
		t.Run(name, func(t *testing.T) {
			f := subscribed(t)
			f.SetReleasing(key1, []Release{release("a", amounts(2, 200))})
			f.mustHold("new", key1, amounts(2, 200))
			end(f)
			if diff := cmp.Diff([]string{"new"}, f.Doomed(key1)); diff != "" {
				t.Errorf("doomed (-want +got):\n%s", diff)
			}
			f.wantFree(key1, "no agent")
		})
	}
	t.Run("none is taken while disconnected", func(t *testing.T) {
		f := subscribed(t)
		f.Reset(0)
		f.SetReleasing(key1, []Release{release("a", amounts(2, 200))})
		f.wantFree(key1, "no agent")
	})
}

// With more releases than are tried one by one the choice still covers the need.
func TestManyReleases(t *testing.T) {
	o := offer("o1", key1, resources.Vector{})
	var releases []Release
	for i := range int64(2 * maxExact) {
		r := release(fmt.Sprint("pod-", i), amounts(i+1, 10))
		releases, o = append(releases, r), with(o, r.Portions[0].Layers, r.Portions[0].Vector)
	}
	f := subscribed(t, o)
	f.SetReleasing(key1, releases)
	f.mustHold("new", key1, amounts(23, 20))
	if d := f.mustTake(key1); len(d.Unreserve) != 2 {
		t.Errorf("%v leave, want the two largest", unreserves(d))
	}
}

// A pod that counts on a release must not land where maintenance is due.
func TestMaintenanceIsKnownWithoutAnOffer(t *testing.T) {
	planned := offer("o1", key1, amounts(1, 100))
	planned.Maintenance = &resources.Maintenance{Duration: time.Hour}
	f := subscribed(t, planned)
	f.Withdraw([]string{"o1"})
	f.wantFree(key1, "no agent")
	f.SetReleasing(key1, []Release{release("a", amounts(2, 200))})
	if view, ok := f.Snapshot().Agent(key1.AgentID); !ok || view.Maintenance == nil {
		t.Errorf("view %+v, want the maintenance of the offer that was withdrawn", view)
	}
	f.Add(1, []*resources.Offer{offer("o2", key1, amounts(1, 100))}) // it was called off
	f.Withdraw([]string{"o2"})
	if view, ok := f.Snapshot().Agent(key1.AgentID); !ok || view.Maintenance != nil {
		t.Errorf("view %+v, want no maintenance any more", view)
	}
}
