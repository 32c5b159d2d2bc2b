package mesossim

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"time"
)

// recording is one transcript file: what a client did to a real Mesos master and what came back. The format is
// described in testdata/transcripts/README.md.
type recording struct {
	name  string
	setup recordedSetup
	lines []*recordedLine // in causal order
	end   time.Duration   // time of the last line
	hosts hosts
}

// recordedSetup is the first line of a file: how master and agents were started.
type recordedSetup struct {
	MasterFlags []string        `json:"master_flags"`
	Agents      []recordedAgent `json:"agents"`
}

type recordedAgent struct {
	Hostname    string   `json:"hostname"`
	Resources   string   `json:"resources"`
	Attributes  string   `json:"attributes"`
	Flags       []string `json:"flags"`
	StartsLater bool     `json:"starts_later"`
}

// recordedLine is one line of a transcript, of whichever kind. Fields of other kinds are empty.
type recordedLine struct {
	number int           // line number in the file, from 1
	at     time.Duration // since the start of the scenario

	Kind           string            `json:"kind"`
	T              float64           `json:"t"`
	Stream         string            `json:"stream"`
	Body           json.RawMessage   `json:"body"`
	BodyBase64     string            `json:"body_base64"`
	OpensStream    string            `json:"opens_stream"`
	RequestHeaders map[string]string `json:"request_headers"`
	Status         *int              `json:"status"`
	Headers        map[string]string `json:"headers"`
	Error          string            `json:"error"`
	RecordIO       string            `json:"recordio_base64"`
	By             string            `json:"by"`
	Request        json.RawMessage   `json:"request"`
	Response       json.RawMessage   `json:"response"`
	Took           *float64          `json:"took"`
	Trimmed        bool              `json:"trimmed"`
	Text           string            `json:"text"`

	items    []*item       // event: the units compared, see itemsOf
	response *recordedLine // call: its response line
	action   action        // note: what it tells to do; nil for a measurement or a headline
	hints    callHints     // call and operator: what the notes before it say about how it was sent
}

// known kinds of lines; anything else makes a file unreadable.
const (
	kindSetup    = "setup"
	kindCall     = "call"
	kindResponse = "response"
	kindEvent    = "event"
	kindClosed   = "closed"
	kindOperator = "operator"
	kindNote     = "note"
)

// readRecording parses one transcript file. The error says why the file cannot be replayed.
func readRecording(path, name string) (*recording, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return parseRecording(data, name)
}

func parseRecording(data []byte, name string) (*recording, error) {
	rec := &recording{name: name, hosts: hosts{}}
	scanner := bufio.NewScanner(bytes.NewReader(data))
	scanner.Buffer(nil, 64<<20)
	for number := 1; scanner.Scan(); number++ {
		if len(bytes.TrimSpace(scanner.Bytes())) == 0 {
			continue
		}
		if err := rec.addLine(number, bytes.Clone(scanner.Bytes())); err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
	}
	if err := scanner.Err(); err != nil {
		return nil, err
	}
	if len(rec.lines) == 0 {
		return nil, fmt.Errorf("no lines after the setup")
	}
	return rec, rec.prepare()
}

func (r *recording) addLine(number int, text []byte) error {
	line := &recordedLine{number: number}
	if err := json.Unmarshal(text, line); err != nil {
		return err
	}
	line.at = time.Duration(line.T * float64(time.Second))
	if number == 1 {
		if line.Kind != kindSetup {
			return fmt.Errorf("first line is %q, not the setup", line.Kind)
		}
		return json.Unmarshal(text, &r.setup)
	}
	switch line.Kind {
	case kindCall, kindResponse, kindClosed, kindOperator, kindNote:
	case kindEvent:
		if err := line.readEvent(); err != nil {
			return err
		}
		r.noteItems(line)
	default:
		return fmt.Errorf("unknown kind of line %q", line.Kind)
	}
	r.lines = append(r.lines, line)
	r.end = max(r.end, line.at)
	return nil
}

// readEvent fills the items of an event line, decoding the RecordIO frame where the stream was protobuf.
func (l *recordedLine) readEvent() error {
	var body any
	var frame []byte
	if l.RecordIO != "" {
		var err error
		if frame, err = base64.StdEncoding.DecodeString(l.RecordIO); err != nil {
			return fmt.Errorf("frame: %w", err)
		}
		if body, err = decodeProtobufFrame(frame); err != nil {
			return fmt.Errorf("frame: %w", err)
		}
	} else if err := json.Unmarshal(l.Body, &body); err != nil {
		return fmt.Errorf("event: %w", err)
	}
	l.items = itemsOf(body, l.at)
	for _, it := range l.items {
		it.frame = frame
	}
	return nil
}

// noteItems fills what an item's line alone does not tell.
func (r *recording) noteItems(line *recordedLine) {
	for _, it := range line.items {
		r.hosts.note(it)
		it.first = it.typ == "HEARTBEAT"
		for _, before := range r.lines {
			if before.Stream == line.Stream && len(before.items) > 0 && before.items[0].typ == "HEARTBEAT" {
				it.first = false
			}
		}
	}
}

// prepare pairs calls with responses, reads the notes, and puts the lines into the order in which the replay must act.
func (r *recording) prepare() error {
	var pending *recordedLine
	for _, l := range r.lines {
		switch l.Kind {
		case kindCall:
			if pending != nil {
				return fmt.Errorf("line %d: call before the response to the call of line %d", l.number, pending.number)
			}
			pending = l
		case kindResponse:
			if pending == nil {
				return fmt.Errorf("line %d: response without a call", l.number)
			}
			pending.response, pending = l, nil
		}
	}
	if pending != nil {
		return fmt.Errorf("line %d: call without a response", pending.number)
	}
	if err := r.readNotes(); err != nil {
		return err
	}
	r.lines = inCausalOrder(r.lines)
	return nil
}

// sentAt is when the client began what the line tells: an operator line is written when the response has come.
func (l *recordedLine) sentAt() time.Duration {
	if l.Kind == kindOperator && l.Took != nil {
		return max(0, l.at-time.Duration(*l.Took*float64(time.Second)))
	}
	return l.at
}

// drives tells whether the line is something the replay does, as against something it waits for.
func (l *recordedLine) drives() bool {
	switch l.Kind {
	case kindCall, kindOperator:
		return true
	case kindNote:
		return l.action != nil
	case kindClosed:
		return l.By == "client"
	}
	return false
}

// callType is the "type" field of a call or operator body, empty if there is none.
func (l *recordedLine) callType() string {
	raw := l.Body
	if l.Kind == kindOperator {
		raw = l.Request
	}
	var head struct {
		Type string `json:"type"`
	}
	if json.Unmarshal(raw, &head) != nil {
		return ""
	}
	return head.Type
}
