package mesossim

import (
	"fmt"
	"regexp"
	"strings"
	"time"
)

// action is what a note says was done from outside.
type action interface {
	do(s *session, line *recordedLine)
	before() placement
}

// placement says where an action belongs relative to its note.
type placement int

const (
	beforeNothing placement = iota // where the note stands
	beforeCall                     // before the last call
	beforeClosed                   // before the "closed by server" lines that it explains
)

// agentAction is something done to one agent's process.
type agentAction struct {
	host string
	verb agentVerb
	at   placement
}

type agentVerb string

const (
	verbKill       agentVerb = "SIGKILL"
	verbTerm       agentVerb = "SIGTERM"
	verbHang       agentVerb = "SIGSTOP"
	verbUnregister agentVerb = "SIGUSR1"
	verbContinue   agentVerb = "continue"
	verbStart      agentVerb = "start"
	verbStartNewID agentVerb = "start with a new id"
	verbStartWiped agentVerb = "start wiped"
)

// masterAction is something done to the master's process, or a statement about it that must hold.
type masterAction struct {
	verb   masterVerb
	text   string // masterFailed: the failed CHECK
	agents bool   // masterKill: the agents that still run too
	at     placement
}

type masterVerb string

const (
	masterKill   masterVerb = "kill"
	masterStart  masterVerb = "start"
	masterFresh  masterVerb = "start afresh"
	masterDied   masterVerb = "died"
	masterAlive  masterVerb = "alive"
	masterFailed masterVerb = "failed a CHECK"
)

func (a agentAction) before() placement  { return a.at }
func (a masterAction) before() placement { return a.at }

// callHints is how a call was sent, where only the note above it says so.
type callHints struct {
	method, path string
	noAuth       bool // without credentials
	otherAuth    bool // with the credentials of another principal
}

// reader of notes, from top to bottom.
type noteReader struct {
	rec     *recording
	line    *recordedLine // being read
	startAs agentVerb     // how the next "agent .. started" starts it
	sums    []summed      // notes that sum up actions told by other notes
	next    callHints
}

// noteRule turns a note into an action. The first rule whose pattern matches decides.
type noteRule struct {
	pattern *regexp.Regexp
	read    func(r *noteReader, match []string) (action, error)
}

func rule(pattern string, read func(*noteReader, []string) (action, error)) noteRule {
	return noteRule{regexp.MustCompile(pattern), read}
}

func always(a action) func(*noteReader, []string) (action, error) {
	return func(*noteReader, []string) (action, error) { return a, nil }
}

func nothing(*noteReader, []string) (action, error) { return nil, nil }

var noteRules = []noteRule{
	rule(`^agent (\S+) process sent (SIG[A-Z0-9]+)`, func(_ *noteReader, m []string) (action, error) {
		switch verb := agentVerb(m[2]); verb {
		case verbKill, verbTerm, verbHang, verbUnregister:
			return agentAction{host: m[1], verb: verb}, nil
		}
		return nil, fmt.Errorf("signal %s", m[2])
	}),
	rule(`^agent (\S+) was (SIGKILL|SIGTERM|SIGSTOP|SIGUSR1)\w* just before that`,
		func(_ *noteReader, m []string) (action, error) {
			return agentAction{host: m[1], verb: agentVerb(m[2]), at: beforeCall}, nil
		}),
	rule(`^agent (\S+) continues`, func(_ *noteReader, m []string) (action, error) {
		return agentAction{host: m[1], verb: verbContinue}, nil
	}),
	rule(`^agent (\S+) (?:re)?started$`, func(r *noteReader, m []string) (action, error) { return r.start(m[1]), nil }),
	rule(`^(second|third|fourth) agent started`, func(r *noteReader, m []string) (action, error) {
		index := map[string]int{"second": 1, "third": 2, "fourth": 3}[m[1]]
		if index >= len(r.rec.setup.Agents) {
			return nil, fmt.Errorf("the setup has no %s agent", m[1])
		}
		return r.start(r.rec.setup.Agents[index].Hostname), nil
	}),
	rule(`^removed the agent's meta/slaves/latest`, func(r *noteReader, _ []string) (action, error) {
		r.startAs = verbStartNewID
		return nil, nil
	}),
	rule(`^(an agent whose whole meta directory is removed|removed the agent's (whole )?meta directory)`,
		func(r *noteReader, _ []string) (action, error) {
			r.startAs = verbStartWiped
			return nil, nil
		}),
	rule(`^(the )?master( process)? (was )?(sent SIGKILL|SIGKILLed|killed)`,
		always(masterAction{verb: masterKill, at: beforeClosed})),
	rule(`^(both|all) agents and the master SIGKILLed`,
		always(masterAction{verb: masterKill, agents: true, at: beforeClosed})),
	rule(`^(the )?master( process)? (was )?(re)?started`, always(masterAction{verb: masterStart})),
	rule(`^the recorder started a fresh master and fresh agents`, always(masterAction{verb: masterFresh})),
	rule(`^THE MASTER PROCESS DIED|^master alive: False|^master process alive .*: False`,
		always(masterAction{verb: masterDied})),
	rule(`^master (process )?alive.*: True`, always(masterAction{verb: masterAlive})),
	rule(`^master log: F \S+ (.*)`, func(_ *noteReader, m []string) (action, error) {
		return masterAction{verb: masterFailed, text: m[1]}, nil
	}),
	rule(`^([A-Z]+) instead of POST`, func(r *noteReader, m []string) (action, error) {
		r.next.method = m[1]
		return nil, nil
	}),
	rule(`^path (/\S+)`, func(r *noteReader, m []string) (action, error) {
		r.next.path = m[1]
		return nil, nil
	}),
	rule(`^a call without credentials`, func(r *noteReader, _ []string) (action, error) {
		r.next.noAuth = true
		return nil, nil
	}),
	rule(`^a call as the other principal`, func(r *noteReader, _ []string) (action, error) {
		r.next.otherAuth = true
		return nil, nil
	}),
	// Headlines and measurements that have the words of an action.
	rule(`^agent (process of \S+ )?exit|^agent that does not come back|^agent (unreachable|gone)`, nothing),
	rule(`^(an |the |both )?agents? (was |were )?((re)?started|killed|SIG[A-Z]+ed|hangs?|continues?)\b`, summary),
}

// soundsLikeAction finds notes that tell of something done to a process; one that no rule knows cannot be replayed.
var soundsLikeAction = regexp.MustCompile(
	`(?i)^((the|a|an|both|all|second|third|fourth) )*(agents?|masters?)( and the master)?( \S+)?( process(es)?)?` +
		` (was |were |is |are )?(sent|killed|sig[a-z0-9]+ed|started|restarted|stopped|continues?|removed|wiped|unregistered|upgraded)\b` +
		`|^(removed|deleted|wiped|killed|stopped|restarted|started) the\b`)

// summed is a note that names no agent: a headline or summary of what other notes near it tell exactly.
type summed struct {
	line *recordedLine
	verb agentVerb
}

func summary(r *noteReader, m []string) (action, error) {
	verb := verbStart
	switch word := m[3]; {
	case strings.HasPrefix(word, "hang"), strings.HasPrefix(word, string(verbHang)):
		verb = verbHang
	case strings.HasPrefix(word, "continue"):
		verb = verbContinue
	case word == "killed", strings.HasPrefix(word, "SIG"):
		verb = verbKill
	}
	r.sums = append(r.sums, summed{r.line, verb})
	return nil, nil
}

// summaryReach is how far from its summary an action may be.
const summaryReach = 2 * time.Second

// tells tells whether an action is told near its summary.
func (r *recording) tells(sum summed) bool {
	for _, l := range r.lines {
		a, ok := l.action.(agentAction)
		if ok && strings.HasPrefix(string(a.verb), string(sum.verb)) && (l.at-sum.line.at).Abs() <= summaryReach {
			return true
		}
	}
	return false
}

// start is "agent host started", in the way the notes before it prepared.
func (r *noteReader) start(host string) action {
	verb := verbStart
	if r.startAs != "" {
		verb, r.startAs = r.startAs, ""
	}
	return agentAction{host: host, verb: verb}
}

// readNotes gives every note line its action, and every call and operator line its hints.
func (r *recording) readNotes() error {
	reader := &noteReader{rec: r}
	for _, l := range r.lines {
		switch l.Kind {
		case kindNote:
			var err error
			reader.line = l
			if l.action, err = reader.read(l.Text); err != nil {
				return fmt.Errorf("line %d: note not understood: %q: %w", l.number, l.Text, err)
			}
		case kindCall, kindOperator:
			l.hints, reader.next = reader.next, callHints{}
			l.hints.noAuth = l.hints.noAuth || l.withoutCredentials()
		}
	}
	if reader.startAs != "" {
		return fmt.Errorf("an agent's directory was removed, but the agent is never started again")
	}
	for _, sum := range reader.sums {
		if !r.tells(sum) {
			return fmt.Errorf("line %d: note not understood: %q: no other note tells which agent", sum.line.number, sum.line.Text)
		}
	}
	return nil
}

func (r *noteReader) read(note string) (action, error) {
	for _, rule := range noteRules {
		if match := rule.pattern.FindStringSubmatch(note); match != nil {
			return rule.read(r, match)
		}
	}
	if soundsLikeAction.MatchString(note) {
		return nil, fmt.Errorf("it tells of an action the replay does not know")
	}
	return nil, nil
}

// withoutCredentials: the recorder left request headers out where they did not matter; an answer of 401 to a request
// without recorded headers says that it carried no credentials.
func (l *recordedLine) withoutCredentials() bool {
	status := l.Status
	if l.response != nil {
		status = l.response.Status
	}
	return status != nil && *status == 401 && l.RequestHeaders["Authorization"] == ""
}

// credentials are read from the note that names them ("credentials: k8s / s3cret and ops / 0ps; ..").
func (r *recording) credentials() (names []string, secrets map[string]string) {
	secrets = map[string]string{}
	for _, l := range r.lines {
		list, ok := strings.CutPrefix(l.Text, "credentials: ")
		if l.Kind != kindNote || !ok {
			continue
		}
		for _, match := range regexp.MustCompile(`(\S+) / ([^\s;]+)`).FindAllStringSubmatch(list, -1) {
			names = append(names, match[1])
			secrets[match[1]] = match[2]
		}
	}
	return names, secrets
}
