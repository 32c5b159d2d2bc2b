package mesossim

import (
	"slices"
	"strings"
	"time"
)

// tolerance is how far from its recorded time an event may come.
type tolerance struct {
	class       string
	early, late time.Duration
}

// How far an event may be off the recorded time. A recorded time holds relative to what the replay did and saw before
// (session.shift), so nothing adds up over a file. The first class that applies holds:
//
//	class        event                                                              tolerance
//	at once      OFFERS ≤ 0.12 s after REVIVE, a new SUBSCRIBED or a maintenance    ±0.3 s
//	             update: the master allocates without waiting for its timer
//	ping         FAILURE, RESCIND, OFFERS, statuses and updates after an agent      ± (ping timeout + 1.1 s)
//	             was lost or the master restarted: noticed by missing pings, whose
//	             phase is random, and then found again by the agent
//	agent start  OFFERS, FAILURE, statuses after an agent process was started or    ±1.6 s
//	             continued: start-up and registration
//	tick         OFFERS, INVERSE_OFFERS: the allocation timer (1 s), whose phase    ±1.1 s
//	             is random
//	prompt       anything else ≤ 0.5 s after what the client did: only the          ±0.5 s
//	             recorder's machine was slow
//	task         UPDATE: an executor must start or end first (0.1 to 0.7 s)         ±0.8 s
//	timer        anything else: resent statuses (10, 30, 70 s), offer timeouts      ±1.0 s
//
// HEARTBEATs must come 15 s ± 0.5 s after one another. A stream that the server closes must be closed 1.1 s after its
// time at the latest.
func (s *session) toleranceOf(l *recordedLine, want *item) tolerance {
	since, last := s.sinceLast(l)
	lost, started := s.agentsTouched()
	switch {
	case want.typ == "OFFERS" && s.atOnce(l):
		return symmetric("at once", 300*time.Millisecond)
	case lost && since > promptly:
		return symmetric("ping", s.cluster.pingTimeout()+1100*time.Millisecond)
	case started && since > promptly:
		return symmetric("agent start", 1600*time.Millisecond)
	case offering(want.typ):
		return symmetric("tick", 1100*time.Millisecond)
	case want.typ == "UPDATE" && last != nil:
		return symmetric("task", 800*time.Millisecond)
	case since <= promptly:
		return symmetric("prompt", promptly)
	}
	return symmetric("timer", time.Second)
}

const (
	promptly           = 500 * time.Millisecond
	immediately        = 120 * time.Millisecond
	closeTolerance     = 1100 * time.Millisecond
	heartbeatInterval  = 15 * time.Second
	heartbeatTolerance = 500 * time.Millisecond
)

func symmetric(class string, d time.Duration) tolerance { return tolerance{class, d, d} }

// sinceLast is the recorded time since the last thing the client did, and that line.
func (s *session) sinceLast(l *recordedLine) (time.Duration, *recordedLine) {
	for _, v := range slices.Backward(s.past) {
		if v.drives() {
			return l.at - v.sentAt(), v
		}
	}
	return l.at, nil
}

// atOnce tells whether OFFERS came so soon after a call that makes the master allocate that it was that call.
func (s *session) atOnce(l *recordedLine) bool {
	for _, v := range slices.Backward(s.past) {
		before := v
		if l.at-before.sentAt() > immediately {
			return false
		}
		if before.drives() && allocatesAtOnce(before.callType()) && before.callType() != "SUBSCRIBE" ||
			before.Kind == kindEvent && before.Stream == l.Stream && before.items[0].typ == "SUBSCRIBED" {
			return true
		}
	}
	return false
}

// agentsTouched tells whether what was last done from outside to agents or master took them away or brought them back.
func (s *session) agentsTouched() (lost, started bool) {
	for _, v := range slices.Backward(s.past) {
		switch a := v.action.(type) {
		case agentAction:
			back := a.verb == verbContinue || strings.HasPrefix(string(a.verb), string(verbStart))
			return !back, back
		case masterAction:
			switch a.verb {
			case masterKill, masterStart:
				return true, false
			case masterFresh:
				return false, false
			}
		}
	}
	return false, false
}
