package mesossim

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

var (
	errNotRunning = errors.New("its process does not run")
	errRunning    = errors.New("its process runs already")
	errNotHung    = errors.New("its process does not hang")
)

// cutFlag returns the value of --name=value.
func cutFlag(flag, name string) (string, bool) {
	return strings.CutPrefix(flag, "--"+name+"=")
}

// AddAgents starts further agents; they register after AgentStartup.
func (s *Sim) AddAgents(specs ...AgentSpec) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.store.batch()()
	for _, spec := range specs {
		if err := s.addHost(spec); err != nil {
			return err
		}
		if h := s.order[len(s.order)-1]; !spec.StartsLater {
			h.start(s.options.AgentStartup)
		}
	}
	return nil
}

// addHost makes an agent that does not run yet.
func (s *Sim) addHost(spec AgentSpec) error {
	if spec.Hostname == "" {
		spec.Hostname = fmt.Sprintf("node-%d", len(s.order))
	}
	if s.hosts[spec.Hostname] != nil {
		return fmt.Errorf("agent %s: there is one already", spec.Hostname)
	}
	h, err := s.newHost(spec)
	if err != nil {
		return fmt.Errorf("agent %s: %w", spec.Hostname, err)
	}
	s.hosts[spec.Hostname] = h
	s.order = append(s.order, h)
	return nil
}

func (s *Sim) newHost(spec AgentSpec) (*host, error) {
	h := &host{
		sim: s, spec: spec, port: spec.Port, domain: domainOf(spec.Domain),
		operations: map[string]*hostOperation{}, tasks: map[string]*hostTask{},
	}
	if h.port == 0 {
		h.port = firstAgentPort + len(s.order)%60000
	}
	var err error
	if h.configured, err = agentResources(spec.Resources); err != nil {
		return nil, err
	}
	if h.attributes, err = parseAttributes(spec.Attributes); err != nil {
		return nil, err
	}
	for _, flag := range spec.Flags {
		if value, ok := cutFlag(flag, "domain"); ok {
			if h.domain, err = parseDomain(value); err != nil {
				return nil, err
			}
		}
	}
	h.total = h.configured
	return h, h.restore()
}

// start starts the agent's process, which registers after startup.
func (h *host) start(startup time.Duration) {
	h.epoch++
	h.state = hostRunning
	h.total = applyCheckpoint(h.configured, h.total)
	if startup == 0 {
		h.register()
		return
	}
	h.later(startup, h.register)
}

// applyCheckpoint carves the reservations of a former run out of what the
// agent is configured with.
func applyCheckpoint(configured, former resources) resources {
	total := slices.Clone(configured)
	for i := range former {
		r := former[i]
		if !r.isDynamicallyReserved() {
			continue
		}
		plain := r
		for plain.reserved != nil && plain.isDynamicallyReserved() {
			plain.reserved = plain.reserved.pop()
		}
		total.sub(&plain)
		total.add(&r)
	}
	return total
}

// stop ends the agent's process.
func (h *host) stop() {
	h.epoch++
	h.state = hostStopped
	h.inbox = nil
}

// shutdown ends the process because the master says so; tasks end with it.
func (h *host) shutdown() {
	h.stop()
	h.tasks = map[string]*hostTask{}
}

// withHost finds an agent by hostname and does something to it.
func (s *Sim) withHost(hostname string, do func(*host) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.hosts[hostname]
	if h == nil {
		return fmt.Errorf("agent %s: no such agent", hostname)
	}
	if err := do(h); err != nil {
		return fmt.Errorf("agent %s: %w", hostname, err)
	}
	return nil
}

// KillAgent ends the agent's process as SIGKILL does: its offers are rescinded
// as soon as the master sees the broken connection, and it is given up when
// the pings time out.
func (s *Sim) KillAgent(hostname string) error {
	return s.withHost(hostname, func(h *host) error {
		if h.state == hostStopped {
			return errNotRunning
		}
		h.stop()
		m := s.master
		if m == nil || m.stopped {
			return nil
		}
		if ag := m.byHost[h]; ag != nil {
			registered := ag.lastPong
			m.after(exitDetected, func() {
				if ag.lastPong.Equal(registered) { // else it is back already
					m.exited(ag)
				}
			})
			m.expectPong(ag)
		}
		return nil
	})
}

// TermAgent ends the agent's process as SIGTERM does, which the master takes
// for a crash.
func (s *Sim) TermAgent(hostname string) error { return s.KillAgent(hostname) }

// HangAgent stops the agent's process as SIGSTOP does: what is sent to it
// waits, and it is given up when the pings time out.
func (s *Sim) HangAgent(hostname string) error {
	return s.withHost(hostname, func(h *host) error {
		if h.state != hostRunning {
			return errNotRunning
		}
		h.state = hostHung
		if m := s.master; m != nil && !m.stopped && m.byHost[h] != nil {
			m.expectPong(m.byHost[h])
		}
		return nil
	})
}

// ContinueAgent lets a hung agent run on, as SIGCONT does.
func (s *Sim) ContinueAgent(hostname string) error {
	return s.withHost(hostname, func(h *host) error {
		if h.state != hostHung {
			return errNotHung
		}
		h.state = hostRunning
		h.pings.cancel()
		waiting := h.inbox
		h.inbox, h.catchingUp, h.registerAfter = nil, true, false
		for _, do := range waiting {
			do()
		}
		h.catchingUp = false
		if m := s.master; m != nil && !m.stopped && (h.registerAfter || m.byHost[h] == nil) {
			h.later(rejoinAfterHang, h.register)
		}
		return nil
	})
}

// UnregisterAgent ends the agent's process as SIGUSR1 does: it leaves the
// master at once.
func (s *Sim) UnregisterAgent(hostname string) error {
	return s.withHost(hostname, func(h *host) error {
		if h.state != hostRunning {
			return errNotRunning
		}
		if m := s.master; m != nil && !m.stopped && m.byHost[h] != nil {
			m.removeAgent(m.byHost[h], removal{message: "the agent unregistered", lost: true})
		}
		h.shutdown()
		return nil
	})
}

// StartAgent starts an agent that does not run, on the work directory that it
// had.
func (s *Sim) StartAgent(hostname string) error {
	return s.startAgent(hostname, func(*host) {})
}

// StartAgentNewID is StartAgent after meta/slaves/latest was removed: a new
// agent ID, the same reservations.
func (s *Sim) StartAgentNewID(hostname string) error {
	return s.startAgent(hostname, func(h *host) { h.forgetIdentity() })
}

// StartAgentWiped is StartAgent on an empty work directory.
func (s *Sim) StartAgentWiped(hostname string) error {
	return s.startAgent(hostname, func(h *host) {
		h.forgetIdentity()
		h.total = h.configured
	})
}

func (h *host) forgetIdentity() {
	h.id = ""
	h.operations = map[string]*hostOperation{}
	h.tasks = map[string]*hostTask{}
}

func (s *Sim) startAgent(hostname string, prepare func(*host)) error {
	return s.withHost(hostname, func(h *host) error {
		if h.state != hostStopped {
			return errRunning
		}
		prepare(h)
		h.checkpoint()
		h.start(s.options.AgentStartup)
		return nil
	})
}
