package mesossim

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// controlRequest is the body of a POST below /sim/.
type controlRequest struct {
	Agent     string        `json:"agent,omitempty"`     // hostname
	Framework string        `json:"framework,omitempty"` // name or ID
	Downtime  string        `json:"downtime,omitempty"`  // Go duration
	Agents    []AgentSpec   `json:"agents,omitempty"`
	Fault     Fault         `json:"fault,omitzero"`
	Neighbour NeighbourSpec `json:"neighbour,omitzero"`
}

// controls are the actions of the control API by path below /sim/.
var controls = map[string]func(*Sim, controlRequest) error{
	"kill-agent":         func(s *Sim, q controlRequest) error { return s.KillAgent(q.Agent) },
	"term-agent":         func(s *Sim, q controlRequest) error { return s.TermAgent(q.Agent) },
	"hang-agent":         func(s *Sim, q controlRequest) error { return s.HangAgent(q.Agent) },
	"continue-agent":     func(s *Sim, q controlRequest) error { return s.ContinueAgent(q.Agent) },
	"unregister-agent":   func(s *Sim, q controlRequest) error { return s.UnregisterAgent(q.Agent) },
	"start-agent":        func(s *Sim, q controlRequest) error { return s.StartAgent(q.Agent) },
	"start-agent-new-id": func(s *Sim, q controlRequest) error { return s.StartAgentNewID(q.Agent) },
	"start-agent-wiped":  func(s *Sim, q controlRequest) error { return s.StartAgentWiped(q.Agent) },
	"add-agents":         func(s *Sim, q controlRequest) error { return s.AddAgents(q.Agents...) },
	"inject":             func(s *Sim, q controlRequest) error { return s.Inject(q.Fault) },
	"start-neighbour":    func(s *Sim, q controlRequest) error { return s.StartNeighbour(q.Neighbour) },
	"stop-neighbour":     func(s *Sim, q controlRequest) error { return s.StopNeighbour(q.Neighbour.Name) },
	"clear-faults":       func(s *Sim, _ controlRequest) error { s.ClearFaults(); return nil },           //nolint:unparam // one signature for all
	"disconnect":         func(s *Sim, q controlRequest) error { s.Disconnect(q.Framework); return nil }, //nolint:unparam // one signature for all
}

// control handles the control API. It lives on the master's port, so an action
// that stops the master answers first.
func (s *Sim) control(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(r.URL.Path, "/sim/")
	if name == "books" {
		w.Header().Set("Content-Type", mediaJSON)
		if err := json.NewEncoder(w).Encode(s.Books()); err != nil {
			s.log.Debug("write the books")
		}
		return
	}
	if r.Method != http.MethodPost {
		http.Error(w, "want POST", http.StatusMethodNotAllowed)
		return
	}
	var q controlRequest
	body, err := requestBody(r)
	if err == nil && len(body) > 0 {
		err = json.Unmarshal(body, &q)
	}
	if err == nil {
		err = s.controlAction(name, q)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.WriteHeader(http.StatusOK)
}

func (s *Sim) controlAction(name string, q controlRequest) error {
	if do := controls[name]; do != nil {
		return do(s, q)
	}
	if name != "fail-over" && name != "restart-master" {
		return fmt.Errorf("no such action: %s", name)
	}
	downtime := time.Duration(0)
	if q.Downtime != "" {
		var err error
		if downtime, err = time.ParseDuration(q.Downtime); err != nil {
			return fmt.Errorf("downtime: %w", err)
		}
	}
	s.restartSoon(downtime)
	return nil
}

// restartSoon restarts the master once the answer to the current call is out.
func (s *Sim) restartSoon(downtime time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queue.after(agentLatency, func() {
		s.stopMaster()
		s.queue.after(downtime, func() {
			if err := s.startMasterAgain(); err != nil {
				s.log.Error("restart the master: " + err.Error())
			}
		})
	})
}
