package mesossim

import (
	"fmt"
	"strings"
	"testing"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

// A filter lasts as long as asked for but at least one allocation interval, and
// the offer comes with the tick after it.
func TestRefusedOffersReturn(t *testing.T) {
	for _, test := range []struct {
		filters  string
		from, to time.Duration
	}{
		{`,"filters":{"refuse_seconds":0}`, 0, time.Second},
		{`,"filters":{"refuse_seconds":0.2}`, time.Second, 2 * time.Second},
		{`,"filters":{"refuse_seconds":3}`, 3 * time.Second, 4 * time.Second},
		{``, 5 * time.Second, 6 * time.Second},
		{`,"filters":{"refuse_seconds":-1}`, 5 * time.Second, 6 * time.Second},
	} {
		t.Run(test.filters, func(t *testing.T) {
			inCell(t, 1, Options{}, func(c *cell) {
				f := c.subscribe("k", "")
				f.offered(time.Second)
				time.Sleep(300 * time.Millisecond)
				f.decline(test.filters)
				if took := f.offered(time.Minute); took < test.from || took > test.to+20*time.Millisecond {
					t.Errorf("want it back within %v and %v, got %v", test.from, test.to, took)
				}
			})
		})
	}
}

// 10d: an agent that unregisters is gone at once; SIGTERM looks like a crash.
func TestUnregister(t *testing.T) {
	inCell(t, 2, Options{MasterFlags: []string{"--agent_ping_timeout=1secs", "--max_agent_ping_timeouts=2"}}, func(c *cell) {
		f := c.subscribe("k", "")
		f.offered(time.Second)
		if err := c.sim.UnregisterAgent("node-0"); err != nil {
			t.Fatal(err)
		}
		if got := kinds(f.read()); got != "RESCIND FAILURE" {
			t.Errorf("SIGUSR1: want RESCIND and FAILURE at once, got %q", got)
		}
		if err := c.sim.TermAgent("node-1"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(500 * time.Millisecond)
		if got := kinds(f.read()); got != "RESCIND" {
			t.Errorf("SIGTERM: want RESCIND at once, got %q", got)
		}
		time.Sleep(3 * time.Second)
		if got := kinds(f.read()); got != "FAILURE" {
			t.Errorf("SIGTERM: want FAILURE after the ping timeout, got %q", got)
		}
	})
}

// 13b: an offer that is held is enough for inverse offers; the next one follows
// the answer after refuse_seconds.
func TestInverseOffers(t *testing.T) {
	inCell(t, 1, Options{}, func(c *cell) {
		f := c.subscribe("k", "")
		f.offered(time.Second)
		c.operate(200, `{"type":"UPDATE_MAINTENANCE_SCHEDULE","update_maintenance_schedule":{"schedule":{"windows":[{"machine_ids":[{"hostname":"node-0","ip":"127.0.0.1"}],"unavailability":{"start":{"nanoseconds":1}}}]}}}`)
		events := f.read()
		if got := kinds(events); got != "RESCIND OFFERS INVERSE_OFFERS" {
			t.Fatalf("want RESCIND OFFERS INVERSE_OFFERS, got %q", got)
		}
		id := events[len(events)-1].InverseOffers.InverseOffers[0].OfferID.Value
		answer := `"%s_inverse_offers":{"inverse_offer_ids":[{"value":%q}],"filters":{"refuse_seconds":3}}`
		f.mustCall("ACCEPT_INVERSE_OFFERS", fmt.Sprintf(answer, "accept", id))
		status := string(encodeJSONOf(c.operate(200, `{"type":"GET_MAINTENANCE_STATUS"}`)))
		if !strings.Contains(status, `"status":"ACCEPT"`) {
			t.Errorf("want the answer in the status, got %s", status)
		}
		time.Sleep(2900 * time.Millisecond)
		if got := kinds(f.read()); got != "" {
			t.Errorf("before refuse_seconds: want nothing, got %q", got)
		}
		time.Sleep(1200 * time.Millisecond)
		if got := kinds(f.read()); got != "INVERSE_OFFERS" {
			t.Errorf("after refuse_seconds: want INVERSE_OFFERS, got %q", got)
		}
		f.mustCall("DECLINE_INVERSE_OFFERS", fmt.Sprintf(answer, "decline", id)) // an old one: ignored
		f.decline(`,"filters":{"refuse_seconds":60}`)
		time.Sleep(2 * time.Second)
		if got := kinds(f.read()); got != "" {
			t.Errorf("giving the offer back rescinds no inverse offer: got %q", got)
		}
	})
}

// 17c: a framework whose failover timeout has passed is gone for good.
func TestFailoverTimeout(t *testing.T) {
	inCell(t, 1, Options{}, func(c *cell) {
		f := c.subscribe("k", `,"failover_timeout":3`)
		c.sim.streamLost(f.stream)
		time.Sleep(2900 * time.Millisecond)
		if status, text := f.call("REVIVE", ""); status != 403 || text != "Framework is not subscribed" {
			t.Errorf("within the timeout: want 403, got %d %s", status, text)
		}
		time.Sleep(200 * time.Millisecond)
		if status, text := f.call("REVIVE", ""); status != 400 || text != "Framework cannot be found" {
			t.Errorf("after the timeout: want 400, got %d %s", status, text)
		}
		again := c.subscribe("k", fmt.Sprintf(`,"id":{"value":%q}`, f.id))
		if len(again.events) != 1 || again.events[0].Error.GetMessage() != "Framework has been removed" {
			t.Errorf("want the error that it was removed, got %v", again.events)
		}
	})
}

// 18b: a limit is shared out agent by agent; a child role is not bound by it.
func TestQuotaLimit(t *testing.T) {
	inCell(t, 2, Options{}, func(c *cell) {
		c.operate(200, `{"type":"UPDATE_QUOTA","update_quota":{"quota_configs":[{"role":"k","limits":{"cpus":{"value":10},"mem":{"value":4096}}}]}}`)
		f := c.subscribe("k", "")
		f.offered(time.Second)
		total := newResources(resourcesFromProto(f.offers[0].Resources))
		total = total.plus(newResources(resourcesFromProto(f.offers[1].Resources))).allocate("")
		if q := total.scalarQuantities(); q["cpus"] != 10000 || q["mem"] != 4096000 {
			t.Errorf("want 10 cpus and 4096 MB in both offers, got %s", total)
		}
		child := c.subscribe("k/pods", "")
		child.offered(2 * time.Second)
		var rest resources
		for _, o := range child.offers {
			rest = rest.plus(newResources(resourcesFromProto(o.Resources)).allocate(""))
		}
		if q := rest.scalarQuantities(); q["cpus"] != 6000 || q["mem"] != 28672000 {
			t.Errorf("want all that is left for the child role, got %s", rest)
		}
	})
}

// A guarantee keeps room for a role that has no framework yet.
func TestQuotaGuaranteeHoldsBack(t *testing.T) {
	inCell(t, 1, Options{}, func(c *cell) {
		c.operate(200, `{"type":"UPDATE_QUOTA","update_quota":{"quota_configs":[{"role":"k","guarantees":{"cpus":{"value":3}}}]}}`)
		other := c.subscribe("other", "")
		other.offered(time.Second)
		if q := resources(resourcesFromProto(other.offers[0].Resources)).scalarQuantities(); q["cpus"] != 5000 {
			t.Errorf("want 5 of 8 cpus for another role, got %v", q)
		}
		f := c.subscribe("k", "")
		f.offered(2 * time.Second)
		if q := resources(resourcesFromProto(f.offers[0].Resources)).scalarQuantities(); q["cpus"] != 3000 {
			t.Errorf("want the 3 guaranteed cpus, got %v", q)
		}
	})
}

// 25b: the smallest free rest that is worth an offer.
func TestMinAllocatable(t *testing.T) {
	for rest, offered := range map[string]bool{
		"cpus:0.01": true, "mem:32": true, "cpus:0.009;mem:31": false, "cpus:0.005;mem:8": false,
	} {
		t.Run(rest, func(t *testing.T) {
			inCell(t, 0, Options{Agents: []AgentSpec{{Resources: rest + ";ports:[]"}}}, func(c *cell) {
				f := c.subscribe("k", "")
				time.Sleep(3 * time.Second)
				f.read()
				if got := len(f.offers) == 1; got != offered {
					t.Errorf("want offered %t, got %t", offered, got)
				}
			})
		})
	}
}

// 28: reservations outlive their framework, and a new one in the role can
// release them.
func TestTeardownKeepsReservations(t *testing.T) {
	inCell(t, 1, Options{}, func(c *cell) {
		f := c.subscribe("k", "")
		f.offered(time.Second)
		f.accept(reserveOp("RESERVE", "r", "k", "a", 2), refuseNone)
		c.operate(200, fmt.Sprintf(`{"type":"TEARDOWN","teardown":{"framework_id":{"value":%q}}}`, f.id))
		if _, ended, _ := f.stream.take(); !ended {
			t.Error("want the stream closed")
		}
		c.operate(400, fmt.Sprintf(`{"type":"TEARDOWN","teardown":{"framework_id":{"value":%q}}}`, f.id))
		next := c.subscribe("k", "")
		next.offered(2 * time.Second)
		if got := describe(next.offers[0]); !strings.Contains(got, "{pod: a}") {
			t.Fatalf("want the reservation in the offer, got %s", got)
		}
		next.accept(reserveOp("UNRESERVE", "u", "k", "a", 2), refuseNone)
		next.offered(2 * time.Second)
		if got, want := describe(next.offers[0]), "ports:[31000-32000]; cpus:8; mem:16384; disk:50000"; got != want {
			t.Errorf("want %s, got %s", want, got)
		}
	})
}

// 33c: the master forgets the first of two operations with one ID; its
// acknowledgement is ignored and it is sent again for ever.
func TestDuplicateOperationID(t *testing.T) {
	inCell(t, 1, Options{}, func(c *cell) {
		f := c.subscribe("k", "")
		f.offered(time.Second)
		f.accept(reserveOp("RESERVE", "x", "k", "a", 1)+","+reserveOp("RESERVE", "x", "k", "b", 1), refuseNone)
		time.Sleep(100 * time.Millisecond)
		both := statuses(f.read())
		if len(both) != 2 {
			t.Fatalf("want both executed, got %v", both)
		}
		f.acknowledge(both[0])
		f.acknowledge(both[1])
		time.Sleep(80 * time.Second)
		resent := statuses(f.read())
		if len(resent) != 3 {
			t.Fatalf("want the first again after 10, 30 and 70 s, got %d statuses", len(resent))
		}
		for _, status := range resent {
			if string(status.UUID.Value) != string(both[0].UUID.Value) {
				t.Error("want the first one, with its UUID")
			}
		}
		if c.failed != "" {
			t.Errorf("the master must live, it died: %s", c.failed)
		}
	})
}

// 34b: an operation that never reached its agent is dropped when the agent
// comes back, and its reservation is gone from the offers.
func TestDroppedOperation(t *testing.T) {
	inCell(t, 1, Options{}, func(c *cell) {
		f := c.subscribe("k", "")
		f.offered(time.Second)
		if err := c.sim.HangAgent("node-0"); err != nil {
			t.Fatal(err)
		}
		f.accept(reserveOp("RESERVE", "r", "k", "a", 2), refuseNone)
		f.offered(2 * time.Second)
		if got := describe(f.offers[0]); !strings.Contains(got, "{pod: a}") {
			t.Fatalf("the master offers the reservation before the agent has it: %s", got)
		}
		if err := c.sim.KillAgent("node-0"); err != nil {
			t.Fatal(err)
		}
		if err := c.sim.StartAgent("node-0"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(100 * time.Millisecond)
		if got := kinds(f.read()); got != "RESCIND" {
			t.Errorf("want RESCIND, got %q", got)
		}
		time.Sleep(2 * time.Second)
		dropped := statuses(f.read())
		if len(dropped) != 1 || dropped[0].State != mesos.OPERATION_DROPPED || dropped[0].UUID != nil {
			t.Errorf("want OPERATION_DROPPED without uuid, got %v", dropped)
		}
		if got, want := describe(f.offers[0]), "ports:[31000-32000]; cpus:8; mem:16384; disk:50000"; got != want {
			t.Errorf("want %s, got %s", want, got)
		}
	})
}

// What the master sends to an agent's process that has ended does not reach the
// one that runs instead, which has another ID or none yet.
func TestOperationForFormerProcess(t *testing.T) {
	inCell(t, 1, Options{}, func(c *cell) {
		f := c.subscribe("k", "")
		f.offered(time.Second)
		if err := c.sim.KillAgent("node-0"); err != nil {
			t.Fatal(err)
		}
		if err := c.sim.StartAgentWiped("node-0"); err != nil {
			t.Fatal(err)
		}
		f.accept(reserveOp("RESERVE", "r", "k", "a", 2), refuseNone) // the master has not noticed yet
		time.Sleep(time.Minute)
		if disk := c.sim.Books().Agents[0].OnDisk; len(disk) != 0 {
			t.Errorf("want nothing on the new agent's disk, got %v", disk)
		}
		for _, status := range statuses(f.read()) {
			if status.AgentID == nil {
				t.Errorf("status without an agent ID: %v", status)
			}
		}
	})
}

// An operation that is on its way to an agent just registered again is not
// among those that the agent is asked to account for.
func TestOperationDuringReregistration(t *testing.T) {
	inCell(t, 1, Options{AgentStartup: time.Second}, func(c *cell) {
		f := c.subscribe("k", "")
		f.offered(time.Second)
		if err := c.sim.KillAgent("node-0"); err != nil {
			t.Fatal(err)
		}
		if err := c.sim.StartAgent("node-0"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(500 * time.Millisecond)
		f.read() // RESCIND
		f.offers = nil
		for len(f.offers) == 0 {
			time.Sleep(time.Millisecond)
			f.read()
		}
		f.accept(reserveOp("RESERVE", "r", "k", "a", 2), refuseNone)
		time.Sleep(time.Second)
		got := statuses(f.read())
		if len(got) != 1 || got[0].State != mesos.OPERATION_FINISHED {
			t.Errorf("want one OPERATION_FINISHED, got %v", got)
		}
	})
}

// An agent that registers once more while an operation is on its way to it
// leaves the master's books with that operation.
func TestOperationDuringSecondRegistration(t *testing.T) {
	inCell(t, 1, Options{AgentReconnect: 100 * time.Millisecond, MasterFlags: []string{"--allocation_interval=100ms"}}, func(c *cell) {
		f := c.subscribe("k", `,"failover_timeout":3600`)
		if err := c.sim.FailOver(); err != nil {
			t.Fatal(err)
		}
		if err := c.sim.HangAgent("node-0"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond)
		if err := c.sim.ContinueAgent("node-0"); err != nil { // registers with the new master, and again later
			t.Fatal(err)
		}
		continued := time.Now()
		time.Sleep(masterRecovery)
		f = c.subscribe("k", `,"failover_timeout":3600,"id":{"value":"`+f.id+`"}`)
		f.offered(time.Second)
		time.Sleep(time.Until(continued.Add(rejoinAfterHang - agentLatency/2)))
		f.accept(reserveOp("RESERVE", "r", "k", "a", 2), refuseNone)
		time.Sleep(time.Second)
		if got := c.sim.Books().Agents[0]; len(got.OnDisk) != 1 || len(got.Reservation) != 1 {
			t.Errorf("want one reservation on disk and in the master's books, got %v and %v", got.OnDisk, got.Reservation)
		}
	})
}

// The calls that end a real master end this one, and tell.
func TestDeadlyCalls(t *testing.T) {
	zero := `{"type":"RESERVE","reserve":{"resources":[{"name":"cpus","type":"SCALAR","scalar":{"value":0},"reservations":[{"type":"DYNAMIC","role":"k"}]}]}}`
	for name, deadly := range map[string]func(f *client){
		"zero scalar": func(f *client) {
			f.call("ACCEPT", fmt.Sprintf(`"accept":{"offer_ids":[{"value":%q}],"operations":[%s]}`, f.offers[0].ID.Value, zero))
		},
		"type UNKNOWN": func(f *client) { f.call("UNKNOWN", "") },
		"acknowledgement to another agent": func(f *client) {
			mine := f.offers[0].AgentID.Value
			f.accept(reserveOp("RESERVE", "r", "k", "a", 1), refuseNone)
			time.Sleep(50 * time.Millisecond)
			status := statuses(f.read())[0]
			for _, o := range f.offers {
				if o.AgentID.Value != mine {
					status.AgentID = &o.AgentID
				}
			}
			body := fmt.Sprintf(`"acknowledge_operation_status":{"agent_id":{"value":%q},"operation_id":{"value":"r"},"uuid":"AAECAwQFBgcICQoLDA0ODw=="}`, status.AgentID.Value)
			f.call("ACKNOWLEDGE_OPERATION_STATUS", body)
		},
		"operator's zero scalar": func(f *client) {
			f.c.operate(202, fmt.Sprintf(`{"type":"RESERVE_RESOURCES","reserve_resources":{"agent_id":{"value":%q},"resources":[{"name":"cpus","type":"SCALAR","scalar":{"value":0},"reservations":[{"type":"DYNAMIC","role":"k"}]}]}}`, f.offers[0].AgentID.Value))
			time.Sleep(time.Second)
		},
	} {
		t.Run(name, func(t *testing.T) {
			inCell(t, 2, Options{}, func(c *cell) {
				f := c.subscribe("k", "")
				f.offered(time.Second)
				deadly(f)
				f.read()
				if c.failed == "" || c.sim.Books().Running {
					t.Errorf("want the master dead, it said %q", c.failed)
				}
				if status, _ := c.post("/api/v1", `{"type":"GET_HEALTH"}`, nil); status != 0 {
					t.Errorf("want connections to break, got %d", status)
				}
			})
		})
	}
}

// A zero beside something valid is dropped, as is an empty list refused.
func TestHarmlessZero(t *testing.T) {
	inCell(t, 1, Options{}, func(c *cell) {
		f := c.subscribe("k", "")
		f.offered(time.Second)
		f.accept(`{"type":"RESERVE","id":{"value":"z"},"reserve":{"resources":[{"name":"cpus","type":"SCALAR","scalar":{"value":0},"reservations":[{"type":"DYNAMIC","role":"k"}]},{"name":"mem","type":"SCALAR","scalar":{"value":64},"reservations":[{"type":"DYNAMIC","role":"k"}]}]}}`, refuseNone)
		time.Sleep(50 * time.Millisecond)
		if got := statuses(f.read()); len(got) != 1 || got[0].State != mesos.OPERATION_FINISHED || c.failed != "" {
			t.Errorf("want OPERATION_FINISHED, got %v %s", got, c.failed)
		}
	})
}

// A timeout that no duration can hold is refused, not taken for zero.
func TestFailoverTimeoutTooLong(t *testing.T) {
	inCell(t, 0, Options{}, func(c *cell) {
		f := c.subscribe("k", `,"failover_timeout":1e300`)
		if len(f.events) != 1 || !strings.Contains(f.events[0].Error.GetMessage(), "failover_timeout (1e+300) is invalid") {
			t.Errorf("want an ERROR event, got %v", f.events)
		}
	})
}

// A subscriber whose connection breaks before it hears of its stream leaves no
// framework behind that seems connected.
func TestLostSubscription(t *testing.T) {
	inCell(t, 0, Options{}, func(c *cell) {
		if err := c.sim.Inject(Fault{Kind: FaultDropResponse, Call: "SUBSCRIBE"}); err != nil {
			t.Fatal(err)
		}
		status, _ := c.post("/api/v1/scheduler", `{"type":"SUBSCRIBE","subscribe":{"framework_info":{"user":"u","name":"n","failover_timeout":60,"roles":["k"],`+allCapabilities+`}}}`, nil)
		books := c.sim.Books()
		if status != 0 || len(books.Frameworks) != 1 || books.Frameworks[0].Connected {
			t.Errorf("want one disconnected framework, got %d %+v", status, books.Frameworks)
		}
	})
}
