package mesossim

import (
	"strings"
	"time"
)

// do acts on the agent's process as the note tells.
func (a agentAction) do(s *session, l *recordedLine) {
	if err := s.cluster.touchAgent(a.host, a.verb); err != nil {
		s.differ(l, "%s agent %s: %v", a.verb, a.host, err)
	}
}

// do acts on the master's process, or checks what the note says about it.
func (a masterAction) do(s *session, l *recordedLine) {
	switch a.verb {
	case masterKill:
		s.masterGone()
		if a.agents {
			s.cluster.killAgents()
		}
		s.cluster.sim.KillMaster()
	case masterStart:
		if err := s.cluster.sim.StartMaster(); err != nil {
			s.differ(l, "start the master: %v", err)
		}
	case masterFresh:
		s.startAfresh(l)
	case masterDied:
		s.deathTold = true
		s.masterGone()
		if s.cluster.died() == "" {
			s.differ(l, "want the master to die, it lives")
		}
	case masterFailed:
		if died := s.cluster.died(); !strings.Contains(died, a.text) {
			s.differ(l, "want the failed check %q, got %q", a.text, died)
		}
	case masterAlive:
		if died := s.cluster.died(); died != "" {
			s.differ(l, "want the master alive, it died: %s", died)
		}
	}
}

// startAfresh replaces the cluster by a new one without state. Starting it takes time that the recorder did not count.
func (s *session) startAfresh(l *recordedLine) {
	s.deathTold = false
	if err := s.cluster.restart(s.rec.timerAfter(l).phase); err != nil {
		s.differ(l, "start a fresh master: %v", err)
		return
	}
	s.shift = time.Since(s.began) - s.clock(l.at)
}
