package mesossim

import (
	"encoding/json"
	"maps"
	"regexp"
	"strings"
)

// idMap pairs the ids of a recording with those of the run: master, framework, agent, offer, stream and container ids,
// operation and status uuids, ports, process ids. It is one-to-one: an id that stood for one thing must go on
// standing for that thing.
type idMap struct {
	ours     map[string]string // kind + recorded id → id of the run
	recorded map[string]string // kind + id of the run → recorded id
}

func newIDMap() *idMap { return &idMap{ours: map[string]string{}, recorded: map[string]string{}} }

func (m *idMap) clone() *idMap {
	return &idMap{ours: maps.Clone(m.ours), recorded: maps.Clone(m.recorded)}
}

// bind pairs a recorded id with one of the run; false if either is already paired with another.
func (m *idMap) bind(kind, want, got string) bool {
	ours, known := m.ours[kind+want]
	recorded, taken := m.recorded[kind+got]
	switch {
	case known && ours != got, taken && recorded != want:
		return false
	case known:
		return true
	}
	m.ours[kind+want], m.recorded[kind+got] = got, want
	return true
}

// idPattern finds the ids that stand in texts: a UUID (master, stream, container), with a suffix that of an offer,
// agent or framework; and the address of a libprocess.
var idPattern = regexp.MustCompile(
	`[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?:-O\d+|-S\d+|-\d{4})?\b|@\d+\.\d+\.\d+\.\d+:\d+`)

func idKind(id string) string {
	const uuidLength = 36
	switch {
	case strings.HasPrefix(id, "@"):
		return "address "
	case len(id) == uuidLength:
		return "uuid "
	case id[uuidLength+1] == 'O':
		return "offer "
	case id[uuidLength+1] == 'S':
		return "agent "
	}
	return "framework "
}

const (
	kindStatusUUID = "status uuid "
	kindPort       = "port "
	kindPID        = "pid "
)

// matchText tells whether a text of the run equals a recorded one up to ids, and pairs the ids.
func (m *idMap) matchText(want, got string) bool {
	wantIDs, gotIDs := idPattern.FindAllString(want, -1), idPattern.FindAllString(got, -1)
	if len(wantIDs) != len(gotIDs) || idPattern.ReplaceAllString(want, "\x00") != idPattern.ReplaceAllString(got, "\x00") {
		return false
	}
	for i, id := range wantIDs {
		if idKind(id) != idKind(gotIDs[i]) || !m.bind(idKind(id), id, gotIDs[i]) {
			return false
		}
	}
	return true
}

// translate replaces recorded ids by those of the run; ids never seen (made up by the recorder) stay.
func (m *idMap) translate(recorded string) string {
	return idPattern.ReplaceAllStringFunc(recorded, func(id string) string {
		if ours, ok := m.ours[idKind(id)+id]; ok {
			return ours
		}
		return id
	})
}

// translateBody replaces recorded ids in a request body. Status uuids are whole base64 strings.
func (m *idMap) translateBody(raw []byte) []byte {
	var out strings.Builder
	rest := string(raw)
	for {
		begin := strings.IndexByte(rest, '"')
		if begin < 0 {
			break
		}
		end := stringEnd(rest, begin)
		out.WriteString(rest[:begin])
		out.WriteString(m.translateQuoted(rest[begin:end]))
		rest = rest[end:]
	}
	out.WriteString(rest)
	return []byte(out.String())
}

// stringEnd is the index after the closing quote of the JSON string that begins at begin.
func stringEnd(s string, begin int) int {
	for i := begin + 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(s)
}

func (m *idMap) translateQuoted(quoted string) string {
	var plain string
	if json.Unmarshal([]byte(quoted), &plain) == nil {
		if ours, ok := m.ours[kindStatusUUID+plain]; ok {
			return `"` + ours + `"`
		}
	}
	return m.translate(quoted)
}
