package mesossim

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler"
)

// checkBooks looks for resources that are made of nothing or lost: on every
// agent the total is what it is configured with, and what is held is exactly
// the offers and tasks there are.
func (c *cell) checkBooks(step string) {
	c.t.Helper()
	c.sim.mu.Lock()
	defer c.sim.mu.Unlock()
	m := c.sim.master
	clusterTotal := quantities{}
	for _, ag := range m.agentOrder {
		clusterTotal.addResources(ag.total, 1)
		if !unreserved(ag.total).equal(unreserved(ag.host.configured)) {
			c.t.Fatalf("%s: %s: total %s is not made of %s", step, ag, ag.total, ag.host.configured)
		}
		held, booked := resources{}, resources{}
		for _, rs := range ag.held {
			held = held.plus(rs)
		}
		for _, o := range ag.offers {
			booked = booked.plus(o.resources)
		}
		for _, t := range ag.tasks {
			if !t.freed {
				booked = booked.plus(t.resources)
			}
		}
		if !held.equal(booked) {
			c.t.Fatalf("%s: %s: held %s, but offers and tasks are %s", step, ag, held, booked)
		}
		if !ag.total.contains(held.allocate("")) {
			c.t.Fatalf("%s: %s: held %s is not in the total %s", step, ag, held, ag.total)
		}
	}
	if clusterTotal.String() != m.alloc.total.positive().String() {
		c.t.Fatalf("%s: cluster total: want %s, got %s", step, clusterTotal, m.alloc.total)
	}
	c.checkShares(step, m)
}

// checkShares compares the sorters' sums with what agents say.
func (c *cell) checkShares(step string, m *master) {
	c.t.Helper()
	want := map[string]quantities{}
	for _, ag := range m.agentOrder {
		for id, rs := range ag.held {
			for role, part := range rs.byAllocation() {
				key := role + " " + id
				if want[key] == nil {
					want[key] = quantities{}
				}
				want[key].addResources(part, 1)
			}
		}
	}
	for role, clients := range m.alloc.frameworks {
		for id, share := range clients.clients {
			if got := share.amounts.positive(); got.String() != want[role+" "+id].positive().String() {
				c.t.Fatalf("%s: share of %s in %s: want %s, got %s", step, id, role, want[role+" "+id], got)
			}
		}
	}
}

// randomStep lets a framework, an agent or an operator do something.
func randomStep(c *cell, r *rand.Rand, f *client, n int) string {
	hostname := fmt.Sprintf("node-%d", r.IntN(4))
	if len(f.offers) == 0 {
		f.mustCall("REVIVE", "")
		return "revive"
	}
	role := f.offers[0].AllocationInfo.GetRole()
	pod := fmt.Sprintf("p%d", r.IntN(3))
	switch r.IntN(12) {
	case 0, 1, 2:
		f.accept(reserveOp("RESERVE", fmt.Sprint("r", n), role, pod, float64(1+r.IntN(4))), refuseNone)
		return "reserve"
	case 3, 4:
		f.accept(reserveOp("UNRESERVE", fmt.Sprint("u", n), role, pod, float64(1+r.IntN(3))), refuseNone)
		return "unreserve"
	case 5:
		f.accept(reserveOp("UNRESERVE", fmt.Sprint("u", n), role, pod, 1)+","+reserveOp("RESERVE", fmt.Sprint("v", n), role, "q", 1), refuseNone)
		return "hand over"
	case 6:
		f.accept(fmt.Sprintf(`{"type":"LAUNCH","launch":{"task_infos":[{"name":"t","task_id":{"value":"t%d"},"agent_id":{"value":%q},"command":{"value":"exit 1"},"resources":[{"name":"cpus","type":"SCALAR","scalar":{"value":1}}]}]}}`, n, f.offers[0].AgentID.Value), "")
		return "launch"
	case 7:
		f.decline(refuseNone)
		return "decline"
	case 8:
		_ = c.sim.KillAgent(hostname) // may not run
		return "kill " + hostname
	case 9:
		_ = c.sim.StartAgent(hostname) // may run
		return "start " + hostname
	case 10:
		id := f.offers[0].AgentID.Value
		c.post("/api/v1", fmt.Sprintf(`{"type":"RESERVE_RESOURCES","reserve_resources":{"agent_id":{"value":%q},"resources":[{"name":"cpus","type":"SCALAR","scalar":{"value":1},"reservations":[{"type":"DYNAMIC","role":"k"}]}]}}`, id), nil)
		return "operator reserves"
	}
	c.operate(200, `{"type":"UPDATE_MAINTENANCE_SCHEDULE","update_maintenance_schedule":{"schedule":{}}}`)
	return "maintenance"
}

// answerAll acknowledges statuses, as a framework must.
func answerAll(f *client, events []*scheduler.Event) {
	for _, event := range events {
		if u := event.UpdateOperationStatus; u != nil && u.Status.UUID != nil {
			f.acknowledge(u.Status)
		}
		if u := event.Update; u != nil && u.Status.UUID != nil {
			f.mustCall("ACKNOWLEDGE", fmt.Sprintf(`"acknowledge":{"agent_id":{"value":%q},"task_id":{"value":%q},"uuid":%s}`,
				u.Status.AgentID.Value, u.Status.TaskID.Value, encodeUUID(u.Status.UUID)))
		}
	}
}

func encodeUUID(value []byte) string {
	encoded := string(encodeJSON(&mesos.UUID{Value: value}))
	return encoded[len(`{"value":`) : len(encoded)-1]
}

func TestBooksBalanceUnderRandomTraffic(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			inCell(t, 4, Options{MasterFlags: []string{"--agent_ping_timeout=1secs", "--max_agent_ping_timeouts=2"}}, func(c *cell) {
				r := rand.New(rand.NewPCG(seed, 1))
				frameworks := []*client{c.subscribe("k", ""), c.subscribe("k/pods", ""), c.subscribe("other", "")}
				for n := range 400 {
					f := frameworks[r.IntN(len(frameworks))]
					answerAll(f, f.read())
					step := randomStep(c, r, f, n)
					c.checkBooks(fmt.Sprintf("step %d, %s", n, step))
					time.Sleep(time.Duration(r.IntN(400)) * time.Millisecond)
					c.checkBooks(fmt.Sprintf("after step %d, %s", n, step))
				}
				if c.failed != "" {
					t.Errorf("the master died: %s", c.failed)
				}
			})
		})
	}
}
