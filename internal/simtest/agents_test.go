package simtest

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// killAgent kills an agent; it comes back as it was, under another ID, or
// without its disk.
func (w *world) killAgent() bool {
	host := pick(w.rng, w.hosts)
	if !w.agents()[host].Running {
		return false
	}
	w.must(w.sim.KillAgent(host))
	w.story.tell("  of %s", host)
	w.later(between(w.rng, 100*time.Millisecond, 8*time.Second), func() { w.startAgent(host) })
	return true
}

func (w *world) startAgent(host string) {
	if agent := w.agents()[host]; agent.Running || agent.Hung {
		return
	}
	switch w.rng.IntN(5) {
	case 0:
		w.story.tell("%s comes back under another ID", host)
		w.must(w.sim.StartAgentNewID(host))
	case 1:
		w.wiped(host)
		w.must(w.sim.StartAgentWiped(host))
	default:
		w.story.tell("%s comes back", host)
		w.must(w.sim.StartAgent(host))
	}
}

// wiped notes that an agent comes back without its disk.
func (w *world) wiped(host string) {
	w.story.tell("%s comes back with an empty disk", host)
	w.mu.Lock()
	w.wipedAt[host] = time.Now()
	w.mu.Unlock()
	w.neighbour.wiped(host)
}

func (w *world) hangAgent() bool {
	host := pick(w.rng, w.hosts)
	if agent := w.agents()[host]; !agent.Running || agent.Hung {
		return false
	}
	w.must(w.sim.HangAgent(host))
	w.story.tell("  of %s", host)
	w.later(between(w.rng, 100*time.Millisecond, 6*time.Second), func() { w.continueAgent(host) })
	return true
}

func (w *world) continueAgent(host string) {
	if w.agents()[host].Hung {
		w.story.tell("%s runs on", host)
		w.must(w.sim.ContinueAgent(host))
	}
}

func (w *world) unregisterAgent() bool {
	host := pick(w.rng, w.hosts)
	if agent := w.agents()[host]; !agent.Running || agent.Hung {
		return false
	}
	w.must(w.sim.UnregisterAgent(host))
	w.story.tell("  of %s", host)
	w.later(between(w.rng, 100*time.Millisecond, 8*time.Second), func() { w.startAgent(host) })
	return true
}

// mendAgent makes sure that an agent runs.
func (w *world) mendAgent(host string) {
	w.continueAgent(host)
	w.startAgent(host)
}

// markGone has the operator declare an agent gone for good: its machine comes
// back empty.
func (w *world) markGone() bool {
	host := pick(w.rng, w.hosts)
	agent := w.agents()[host]
	if !agent.Registered || !w.sim.Books().Running {
		return false
	}
	if !ok(w.operate(map[string]any{"type": "MARK_AGENT_GONE", "mark_agent_gone": map[string]any{"agent_id": value(agent.ID)}})) {
		return false
	}
	w.story.tell("  of %s", host)
	w.mu.Lock()
	w.wipedAt[host] = time.Now()
	w.mu.Unlock()
	w.neighbour.wiped(host)
	w.later(between(w.rng, time.Second, 6*time.Second), func() {
		if w.agents()[host].Hung {
			w.must(w.sim.ContinueAgent(host))
		}
		if w.agents()[host].Running {
			w.must(w.sim.KillAgent(host))
		}
		w.wiped(host)
		w.must(w.sim.StartAgentWiped(host))
	})
	return true
}

// maintain announces maintenance, which brings inverse offers, and calls it off.
func (w *world) maintain() bool {
	host := pick(w.rng, w.hosts)
	start := time.Now().Add(time.Hour).UnixNano()
	done := ok(w.operate(schedule([]any{map[string]any{
		"machine_ids":    []any{map[string]any{"hostname": host, "ip": w.addresses[host]}},
		"unavailability": map[string]any{"start": map[string]any{"nanoseconds": start}},
	}})))
	w.later(between(w.rng, time.Second, 5*time.Second), func() { w.insist(schedule([]any{})) })
	return done
}

// schedule is the call that replaces the master's maintenance schedule.
func schedule(windows []any) map[string]any {
	return map[string]any{"type": "UPDATE_MAINTENANCE_SCHEDULE", "update_maintenance_schedule": map[string]any{
		"schedule": map[string]any{"windows": windows},
	}}
}

// insist makes a call until a master has heard it.
func (w *world) insist(call map[string]any) {
	if status := w.operate(call); status == 0 || status == http.StatusServiceUnavailable {
		w.later(500*time.Millisecond, func() { w.insist(call) })
	}
}

// operatorReserve has the operator reserve something for a while, for which
// the master takes offers back.
func (w *world) operatorReserve() bool {
	host := pick(w.rng, w.hosts)
	agent := w.agents()[host]
	call := func(kind string) map[string]any {
		return map[string]any{"type": kind, strings.ToLower(kind): map[string]any{
			"agent_id": value(agent.ID), "resources": []any{map[string]any{
				"type": "SCALAR", "name": "cpus", "scalar": map[string]any{"value": 0.5},
				"reservations": []any{map[string]any{"type": "DYNAMIC", "role": "ops"}},
			}},
		}}
	}
	done := agent.Registered && ok(w.operate(call("RESERVE_RESOURCES")))
	if done {
		w.later(between(w.rng, time.Second, 5*time.Second), func() { w.insist(call("UNRESERVE_RESOURCES")) })
	}
	return done
}

func value(id string) map[string]any { return map[string]any{"value": id} }

func ok(status int) bool { return status/100 == 2 }

// operate sends a call to the master's operator API and returns the status of
// the answer, 0 if none came.
func (w *world) operate(call map[string]any) (status int) {
	body, err := json.Marshal(call)
	if err != nil {
		w.violated("operator call: %v", err)
		return 0
	}
	if !w.sim.Books().Running {
		return 0
	}
	request := httptest.NewRequest(http.MethodPost, "/api/v1", bytes.NewReader(body))
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "application/json")
	recorder := httptest.NewRecorder()
	defer func() {
		// A fault meant for the daemon's calls may break this one.
		if cause := recover(); cause != nil && cause != any(http.ErrAbortHandler) {
			panic(cause)
		}
	}()
	w.sim.ServeHTTP(recorder, request)
	w.story.tell("operator: %s: %d %s", call["type"], recorder.Code, bytes.TrimSpace(recorder.Body.Bytes()))
	return recorder.Code
}

// deleteNode deletes a Node object; it is made again soon.
func (w *world) deleteNode() bool {
	nodes := w.nodeNames()
	if len(nodes) == 0 {
		return false
	}
	name := pick(w.rng, nodes)
	w.must(w.kube.Client().CoreV1().Nodes().Delete(w.ctx, name, metav1.DeleteOptions{}))
	w.story.tell("  %s", name)
	w.later(between(w.rng, time.Second, 5*time.Second), func() { w.addNode(name) })
	return true
}

func (w *world) must(err error) {
	if err != nil {
		w.violated("the harness: %v", err)
	}
}
