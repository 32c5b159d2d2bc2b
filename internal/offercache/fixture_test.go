package offercache

import (
	"fmt"
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

const role = "k8s/pods"

var key1 = Key{AgentID: "agent-1", Role: role}

// amounts returns a vector of whole cpus and MiB.
func amounts(cpus, mem int64) resources.Vector {
	return resources.Scalar(resources.CPUs, resources.Milli(cpus*1000)).
		Add(resources.Scalar(resources.Mem, resources.Milli(mem*1000)))
}

// offer returns an offer of unreserved amounts.
func offer(id string, key Key, v resources.Vector) *resources.Offer {
	return &resources.Offer{
		ID: id, AgentID: key.AgentID, Role: key.Role, Hostname: "host-" + key.AgentID,
		Portions: []resources.Portion{{Vector: v}},
	}
}

// fixture is a cache that is subscribed with generation 1.
type fixture struct {
	*Cache
	clock *clocktesting.FakePassiveClock
	t     *testing.T
}

func subscribed(t *testing.T, offers ...*resources.Offer) fixture {
	t.Helper()
	clk := clocktesting.NewFakePassiveClock(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	f := fixture{New(clk), clk, t}
	f.Reset(1)
	f.Add(1, offers)
	return f
}

func (f fixture) mustHold(uid string, key Key, need resources.Vector) {
	f.t.Helper()
	if err := f.Hold(uid, key, need); err != nil {
		f.t.Fatalf("Hold(%s): %v", uid, err)
	}
}

func (f fixture) mustTake(key Key, unreserve ...resources.Portion) Departure {
	f.t.Helper()
	f.setDue(key, unreserve...)
	d, ok := f.Take(key)
	if !ok {
		f.t.Fatalf("Take(%v): nothing leaves", key)
	}
	return d
}

// setDue has portions leave with the next departure, each as a release of its own.
func (f fixture) setDue(key Key, portions ...resources.Portion) {
	if len(portions) == 0 {
		return
	}
	var releases []Release
	for i, p := range portions {
		releases = append(releases, Release{PodUID: fmt.Sprint("ended-", i), Portions: []resources.Portion{p}, Due: true})
	}
	f.SetReleasing(key, releases)
}

func (f fixture) free(key Key) string {
	a, ok := f.Snapshot().Agent(key.AgentID)
	if !ok {
		return "no agent"
	}
	return a.Free(key.Role).String()
}

func (f fixture) wantFree(key Key, want string) {
	f.t.Helper()
	if got := f.free(key); got != want {
		f.t.Errorf("free = %q, want %q", got, want)
	}
}

// pod returns the stack of a reservation of ours for one pod.
func pod(uid string) []resources.Layer {
	return []resources.Layer{{Dynamic: true, Role: role, Labels: []resources.Label{{Key: "pod", Value: uid}}}}
}

// with returns o with one more portion.
func with(o *resources.Offer, layers []resources.Layer, v resources.Vector) *resources.Offer {
	o.Portions = append(o.Portions, resources.Portion{Layers: layers, Vector: v})
	return o
}

func ports(begin, end uint64) resources.Vector {
	return resources.Vector{Ports: resources.Ranges{{Begin: begin, End: end}}}
}
