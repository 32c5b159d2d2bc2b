package mesossim

import (
	"strings"
	"testing"
	"time"
)

// prepare makes a cluster with something to remember: a reservation, an
// operation that is not acknowledged, a quota and a schedule.
func prepare(c *cell) (f *client, unacknowledged string) {
	c.t.Helper()
	f = c.subscribe("k", `,"failover_timeout":3600`)
	f.offered(time.Second)
	f.accept(reserveOp("RESERVE", "r", "k", "a", 2), refuseNone)
	time.Sleep(50 * time.Millisecond)
	f.acknowledge(statuses(f.read())[0])
	f.accept(reserveOp("RESERVE", "unacked", "k", "b", 1), refuseNone)
	time.Sleep(50 * time.Millisecond)
	unacknowledged = string(statuses(f.read())[0].UUID.Value)
	c.operate(200, `{"type":"UPDATE_QUOTA","update_quota":{"quota_configs":[{"role":"other","limits":{"cpus":{"value":3}}}]}}`)
	c.operate(200, `{"type":"UPDATE_MAINTENANCE_SCHEDULE","update_maintenance_schedule":{"schedule":{"windows":[{"machine_ids":[{"hostname":"node-1","ip":"127.0.0.1"}],"unavailability":{"start":{"nanoseconds":5}}}]}}}`)
	return f, unacknowledged
}

// verify looks for all that prepare made.
func verify(c *cell, f *client, ids map[string]string, unacknowledged string) {
	c.t.Helper()
	var text strings.Builder
	for _, o := range f.offers {
		text.WriteString(describe(o) + "\n")
		if ids[o.Hostname] != o.AgentID.Value {
			c.t.Errorf("%s: want its old agent ID %s, got %s", o.Hostname, ids[o.Hostname], o.AgentID.Value)
		}
		if scheduled := o.Unavailability != nil; scheduled != (o.Hostname == "node-1") {
			c.t.Errorf("%s: scheduled for maintenance: %t", o.Hostname, scheduled)
		}
	}
	if !strings.Contains(text.String(), "{pod: a}") || !strings.Contains(text.String(), "{pod: b}") {
		c.t.Errorf("want both reservations in the offers, got\n%s", text.String())
	}
	again := statuses(f.events)
	if len(again) == 0 || string(again[0].UUID.Value) != unacknowledged {
		c.t.Fatalf("want the unacknowledged status again, got %v", again)
	}
	if got := string(encodeJSONOf(c.operate(200, `{"type":"GET_QUOTA"}`))); !strings.Contains(got, `"other"`) {
		c.t.Errorf("want the quota, got %s", got)
	}
	f.acknowledge(again[0])
	if got := c.sim.Books().Frameworks[0].Operations; got != 0 {
		c.t.Errorf("want no operation left after the acknowledgement, got %d", got)
	}
}

func agentIDs(s *Sim) map[string]string {
	ids := map[string]string{}
	for _, ag := range s.Books().Agents {
		ids[ag.Hostname] = ag.ID
	}
	return ids
}

func TestMasterRestart(t *testing.T) {
	inCell(t, 2, Options{AgentReconnect: 2 * time.Second}, func(c *cell) {
		f, unacknowledged := prepare(c)
		ids, former := agentIDs(c.sim), c.sim.Books().MasterID
		if err := c.sim.RestartMaster(time.Second); err != nil {
			t.Fatal(err)
		}
		if status, text := c.post("/api/v1", `{"type":"GET_AGENTS"}`, nil); status != 503 || text != "Master has not finished recovery" {
			t.Errorf("at first: want 503, got %d %s", status, text)
		}
		if now := c.sim.Books().MasterID; now == former {
			t.Error("want another master ID")
		}
		time.Sleep(masterRecovery)
		agents := string(encodeJSONOf(c.operate(200, `{"type":"GET_AGENTS"}`)))
		if !strings.Contains(agents, `"agents":[]`) || strings.Count(agents, `"hostname":"node-`) != 2 {
			t.Errorf("want both agents recovered, not registered: %s", agents)
		}
		f = c.subscribe("k", `,"failover_timeout":3600,"id":{"value":"`+f.id+`"}`)
		time.Sleep(3 * time.Second)
		f.read()
		verify(c, f, ids, unacknowledged)
	})
}

// A process that is killed leaves its journal; the next one goes on from there.
func TestWorkDir(t *testing.T) {
	options := Options{WorkDir: t.TempDir()}
	var ids map[string]string
	var frameworkID, unacknowledged string
	inCell(t, 2, options, func(c *cell) {
		var f *client
		f, unacknowledged = prepare(c)
		frameworkID, ids = f.id, agentIDs(c.sim)
		if _, err := c.sim.store.file.WriteString(`{"key":"host/node-0","val`); err != nil { // killed while writing
			t.Fatal(err)
		}
	})
	inCell(t, 2, options, func(c *cell) {
		time.Sleep(time.Second) // agents before their framework
		f := c.subscribe("k", `,"failover_timeout":3600,"id":{"value":"`+frameworkID+`"}`)
		if f.id != frameworkID {
			t.Errorf("want the framework ID %s, got %s", frameworkID, f.id)
		}
		time.Sleep(20 * time.Second)
		f.read()
		verify(c, f, ids, unacknowledged)
	})
	inCell(t, 2, options, func(c *cell) {
		f := c.subscribe("k", "")
		time.Sleep(time.Minute)
		f.read()
		if again := statuses(f.events); len(again) != 0 {
			t.Errorf("what was acknowledged must not come again: %v", again)
		}
	})
}

// A registry in memory forgets quota and agents; agents keep their IDs.
func TestRestartInMemory(t *testing.T) {
	inCell(t, 1, Options{AgentReconnect: time.Second, MasterFlags: []string{"--registry=in_memory"}}, func(c *cell) {
		c.operate(200, `{"type":"UPDATE_QUOTA","update_quota":{"quota_configs":[{"role":"other","limits":{"cpus":{"value":3}}}]}}`)
		ids := agentIDs(c.sim)
		if err := c.sim.FailOver(); err != nil {
			t.Fatal(err)
		}
		agents := string(encodeJSONOf(c.operate(200, `{"type":"GET_AGENTS"}`)))
		if strings.Contains(agents, "node-0") {
			t.Errorf("want no agent known, got %s", agents)
		}
		if got := string(encodeJSONOf(c.operate(200, `{"type":"GET_QUOTA"}`))); strings.Contains(got, "other") {
			t.Errorf("want no quota, got %s", got)
		}
		time.Sleep(2 * time.Second)
		if now := agentIDs(c.sim); now["node-0"] != ids["node-0"] || !c.sim.Books().Agents[0].Registered {
			t.Errorf("want the agent back with its ID %v, got %v", ids, now)
		}
	})
}

// Agents at a fixed address notice a new master only by the pings they miss.
func TestAgentsMissPings(t *testing.T) {
	inCell(t, 1, Options{MasterFlags: []string{"--registry=in_memory", "--agent_ping_timeout=2secs", "--max_agent_ping_timeouts=3"}}, func(c *cell) {
		time.Sleep(5 * time.Second) // the last ping was after 4 s
		if err := c.sim.RestartMaster(time.Second); err != nil {
			t.Fatal(err)
		}
		time.Sleep(3900 * time.Millisecond)
		if c.sim.Books().Agents[0].Registered {
			t.Error("back before it can have noticed")
		}
		time.Sleep(200 * time.Millisecond)
		if !c.sim.Books().Agents[0].Registered {
			t.Error("want it back 6 s after the last ping")
		}
	})
}
