package mesossim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"strconv"
	"time"

	"github.com/mesos/mesos-go/api/v1/lib/scheduler"
)

// item is the unit in which events are compared: a whole event, or one offer of an OFFERS or INVERSE_OFFERS event.
type item struct {
	typ   string
	body  any           // decoded JSON: the event, or the single offer
	shell any           // OFFERS, INVERSE_OFFERS: the event with its list emptied
	batch int           // items of one event share it
	at    time.Duration // recorded: since the start of the scenario; observed: since the start of the replay
	host  string        // hostname of the agent the item is about, if known
	frame []byte        // the whole RecordIO record of a protobuf stream
	first bool          // the HEARTBEAT that belongs to the subscription
	taken bool          // observed: paired with a recorded item
}

var offerLists = map[string]string{"OFFERS": "offers", "INVERSE_OFFERS": "inverse_offers"}

// itemsOf splits a decoded event into items.
func itemsOf(event any, at time.Duration) []*item {
	top, _ := event.(map[string]any)
	typ, _ := top["type"].(string)
	list := offerLists[typ]
	inner, _ := top[list].(map[string]any)
	offers, ok := inner[list].([]any)
	if !ok || len(offers) == 0 {
		return []*item{{typ: typ, body: event, at: at}}
	}
	emptied := maps.Clone(inner)
	emptied[list] = nil
	shell := maps.Clone(top)
	shell[list] = emptied
	var items []*item
	for _, offer := range offers {
		items = append(items, &item{typ: typ, body: offer, shell: shell, at: at, host: hostOf(offer)})
	}
	return items
}

func hostOf(offer any) string {
	if host := text(offer, "hostname"); host != "" {
		return host
	}
	return text(offer, "url", "address", "hostname")
}

func (i *item) heartbeat() bool { return i.typ == "HEARTBEAT" && !i.first }

func (i *item) agentKey() string { return i.host }

// key holds what makes an item the counterpart of another, apart from ids: further fields are compared afterwards.
func (i *item) key() string {
	switch i.typ {
	case "OFFERS":
		return "OFFERS " + i.host + " " + text(i.body, "allocation_info", "role")
	case "UPDATE":
		return "UPDATE " + text(i.body, "update", "status", "task_id", "value") + " " + text(i.body, "update", "status", "state")
	case "UPDATE_OPERATION_STATUS":
		status := []string{"update_operation_status", "status"}
		return "UPDATE_OPERATION_STATUS " + text(i.body, append(status, "operation_id", "value")...) + " " +
			text(i.body, append(status, "state")...)
	}
	return i.typ + " " + i.host
}

// describe is the item in a report.
func (i *item) describe() string {
	out, err := json.Marshal(i.body)
	if err != nil {
		return i.typ
	}
	const enough = 400
	if len(out) > enough {
		out = append(out[:enough], "…"...)
	}
	return fmt.Sprintf("%s %s", i.typ, out)
}

// text follows path through decoded JSON objects; empty if it leads nowhere or to something else than a string.
func text(v any, path ...string) string {
	for _, key := range path {
		object, _ := v.(map[string]any)
		v = object[key]
	}
	s, _ := v.(string)
	return s
}

// hosts knows which agent an offer or an agent id belongs to, so that rescinds and failures can be told apart.
type hosts map[string]string

// note learns from an offer, and fills the host of an item that names only an id.
func (h hosts) note(i *item) {
	switch i.typ {
	case "OFFERS", "INVERSE_OFFERS":
		h[text(i.body, "id", "value")] = i.host
		h[text(i.body, "agent_id", "value")] = i.host
	case "RESCIND":
		i.host = h[text(i.body, "rescind", "offer_id", "value")]
	case "RESCIND_INVERSE_OFFER":
		i.host = h[text(i.body, "rescind_inverse_offer", "inverse_offer_id", "value")]
	case "FAILURE":
		i.host = h[text(i.body, "failure", "agent_id", "value")]
	}
}

// decodeProtobufFrame decodes a whole RecordIO record that holds a scheduler event, into the form decoded JSON has.
func decodeProtobufFrame(frame []byte) (any, error) {
	length, message, ok := bytes.Cut(frame, []byte("\n"))
	if !ok {
		return nil, fmt.Errorf("no length line")
	}
	if n, err := strconv.Atoi(string(length)); err != nil || n != len(message) {
		return nil, fmt.Errorf("length line %q for %d bytes", length, len(message))
	}
	var event scheduler.Event
	if err := event.Unmarshal(message); err != nil {
		return nil, fmt.Errorf("event: %w", err)
	}
	return throughJSON(&event)
}

// throughJSON turns a message into decoded JSON.
func throughJSON(message any) (any, error) {
	encoded, err := json.Marshal(message)
	if err != nil {
		return nil, err
	}
	var out any
	return out, json.Unmarshal(encoded, &out)
}
