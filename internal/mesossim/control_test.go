package mesossim

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mesos/mesos-go/api/v1/lib/scheduler"
)

// encodeJSONOf prints a decoded answer again, with sorted keys.
func encodeJSONOf(tree map[string]any) []byte {
	out, err := json.Marshal(tree)
	if err != nil {
		return []byte(err.Error())
	}
	return out
}

func TestFaults(t *testing.T) {
	inCell(t, 1, Options{}, func(c *cell) {
		f := c.subscribe("k", "")
		f.offered(time.Second)
		inject := func(fault Fault) {
			t.Helper()
			if err := c.sim.Inject(fault); err != nil {
				t.Fatal(err)
			}
		}
		inject(Fault{Kind: FaultError, Call: "REVIVE", Status: 503, Body: "busy", Count: 2})
		for range 2 {
			if status, text := f.call("REVIVE", ""); status != 503 || text != "busy" {
				t.Errorf("error: want 503 busy, got %d %s", status, text)
			}
		}
		f.mustCall("REVIVE", "")

		inject(Fault{Kind: FaultDelay, Delay: 3 * time.Second, Framework: "test"})
		start := time.Now()
		f.mustCall("REVIVE", "")
		if took := time.Since(start); took < 3*time.Second {
			t.Errorf("delay: want 3 s, got %v", took)
		}

		inject(Fault{Kind: FaultDropRequest, Call: "SUPPRESS"})
		inject(Fault{Kind: FaultDropResponse, Call: "DECLINE"})
		if status, _ := f.call("SUPPRESS", ""); status != 0 || len(c.sim.Books().Frameworks[0].Suppressed) != 0 {
			t.Errorf("drop-request: want a broken connection and nothing done, got %d", status)
		}
		id := f.offers[0].ID.Value
		f.drop(id)
		if status, _ := f.call("DECLINE", `"decline":{"offer_ids":[{"value":"`+id+`"}]`+refuseNone+`}`); status != 0 {
			t.Errorf("drop-response: want a broken connection, got %d", status)
		}
		f.offered(2 * time.Second) // it was declined all the same

		inject(Fault{Kind: FaultLoseStatus})
		f.accept(reserveOp("RESERVE", "r", "k", "a", 1), refuseNone)
		time.Sleep(time.Second)
		if got := statuses(f.read()); len(got) != 0 {
			t.Errorf("lose-status: want none, got %v", got)
		}
		inject(Fault{Kind: FaultDuplicateStatus})
		time.Sleep(10 * time.Second)
		if got := statuses(f.read()); len(got) != 2 {
			t.Errorf("duplicate-status: want the resent one twice, got %v", got)
		}
		inject(Fault{Kind: FaultLoseEvent, Call: "HEARTBEAT"})
		time.Sleep(14 * time.Second)
		if err := c.sim.Inject(Fault{Kind: "typo"}); err == nil {
			t.Error("an unknown kind must be refused")
		}
		inject(Fault{Kind: FaultDisconnect, Framework: f.id})
		if _, _, aborted := f.stream.take(); !aborted {
			t.Error("disconnect: want the stream broken")
		}
	})
}

func TestFaultScope(t *testing.T) {
	inCell(t, 0, Options{}, func(c *cell) {
		f := c.subscribe("k", "")
		if err := c.sim.Inject(Fault{Kind: FaultError, Framework: "somebody else", Count: -1}); err != nil {
			t.Fatal(err)
		}
		f.mustCall("REVIVE", "")
		if err := c.sim.Inject(Fault{Kind: FaultError, Framework: f.id, Count: -1}); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if status, _ := f.call("REVIVE", ""); status != http.StatusServiceUnavailable {
				t.Errorf("want 503 for ever, got %d", status)
			}
		}
		c.sim.ClearFaults()
		f.mustCall("REVIVE", "")
	})
}

// The control API does over HTTP, on real sockets, what the Go API does.
func TestControlAPI(t *testing.T) {
	sim, err := Start(context.Background(), Options{Agents: make([]AgentSpec, 2), MasterFlags: []string{"--registry=in_memory"}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := sim.Close(); err != nil {
			t.Error(err)
		}
	}()
	post := func(action, body string) (int, string) {
		t.Helper()
		response, err := http.Post(sim.URL()+"/sim/"+action, mediaJSON, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		return response.StatusCode, string(text)
	}
	books := func() (b Books) {
		t.Helper()
		_, text := post("books", "")
		if err := json.Unmarshal([]byte(text), &b); err != nil {
			t.Fatal(err)
		}
		return b
	}
	for _, step := range []struct {
		action, body string
		status       int
	}{
		{"kill-agent", `{"agent":"node-0"}`, 200},
		{"kill-agent", `{"agent":"node-0"}`, 400},
		{"start-agent", `{"agent":"node-0"}`, 200},
		{"hang-agent", `{"agent":"node-1"}`, 200},
		{"continue-agent", `{"agent":"node-1"}`, 200},
		{"continue-agent", `{"agent":"node-1"}`, 400},
		{"kill-agent", `{"agent":"nobody"}`, 400},
		{"add-agents", `{"agents":[{"hostname":"extra","resources":"cpus:1"}]}`, 200},
		{"add-agents", `{"agents":[{"hostname":"extra"}]}`, 400},
		{"inject", `{"fault":{"kind":"error","call":"GET_HEALTH"}}`, 200},
		{"inject", `{"fault":{"kind":"nonsense"}}`, 400},
		{"start-neighbour", `{"neighbour":{"name":"n","role":"bad role"}}`, 400},
		{"kill-agent", `{`, 400},
		{"no-such-action", ``, 400},
	} {
		if status, text := post(step.action, step.body); status != step.status {
			t.Errorf("%s %s: want %d, got %d %s", step.action, step.body, step.status, status, text)
		}
	}
	if got := len(books().Agents); got != 3 {
		t.Errorf("want 3 agents, got %d", got)
	}
	former := books().MasterID
	if status, text := post("restart-master", `{"downtime":"50ms"}`); status != 200 {
		t.Fatalf("restart-master: %d %s", status, text)
	}
	for start := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		if b := sim.Books(); b.Running && b.MasterID != former {
			break
		}
		if time.Since(start) > 10*time.Second {
			t.Fatal("the master does not come back")
		}
	}
	if books().MasterID == former {
		t.Error("want another master at the same address")
	}
}

// A framework that competes takes what it wants and lets go when it is stopped.
func TestNeighbour(t *testing.T) {
	inCell(t, 2, Options{}, func(c *cell) {
		if err := c.sim.StartNeighbour(NeighbourSpec{Name: "n", Role: "other", Agents: []string{"node-1"}, Task: "cpus:6"}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		f := c.subscribe("k", "")
		f.offered(time.Second)
		for _, o := range f.offers {
			want := map[string]string{"node-0": "cpus:8;", "node-1": "cpus:2;"}[o.Hostname]
			if got := describe(o); !strings.Contains(got, want) {
				t.Errorf("%s: want %s, got %s", o.Hostname, want, got)
			}
		}
		if err := c.sim.StopNeighbour("n"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(1100 * time.Millisecond)
		events := f.read()
		if len(events) != 1 || !strings.Contains(describe(events[0].Offers.Offers[0]), "cpus:6") {
			t.Errorf("want the 6 cpus of its task, got %v", events)
		}
		if err := c.sim.StopNeighbour("n"); err == nil {
			t.Error("there is no neighbour any more")
		}
	})
}

func TestRedirect(t *testing.T) {
	inCell(t, 0, Options{RedirectTo: "127.0.0.1:5051"}, func(c *cell) {
		for _, path := range []string{"/api/v1", "/api/v1/scheduler"} {
			if status, _ := c.post(path, `{}`, nil); status != http.StatusTemporaryRedirect {
				t.Errorf("%s: want 307, got %d", path, status)
			}
		}
	})
}

func TestHeartbeats(t *testing.T) {
	inCell(t, 0, Options{HeartbeatInterval: 2 * time.Second}, func(c *cell) {
		f := c.subscribe("k", "")
		time.Sleep(9 * time.Second)
		synctest.Wait()
		f.read()
		count := 0
		for _, event := range f.events {
			if event.Type == scheduler.Event_HEARTBEAT {
				count++
			}
		}
		if count != 5 {
			t.Errorf("want one at once and four after 2, 4, 6, 8 s, got %d", count)
		}
	})
}
