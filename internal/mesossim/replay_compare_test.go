package mesossim

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// comparer compares decoded JSON of the run with that of a recording: presence and value of every field. Ids are
// paired on first sight and must stay paired. The order of object keys does not matter, that of lists does, except
// where the real master takes it from a hash map or a shuffle (unorderedLists, looseResources).
type comparer struct {
	ids            *idMap
	trimmed        bool // the recorder cut the response: fields that are not recorded are not compared
	looseResources bool // a quota is set: the master shuffles resources when it cuts an offer to the limit
	diffs          []string
}

// unorderedLists are lists the master makes from hash maps keyed by ids that contain a random UUID.
var unorderedLists = []string{
	"agents", "recovered_agents", "operations", "frameworks", "completed_frameworks", "tasks", "completed_tasks",
	"offers", "inverse_offers", "draining_machines", "down_machines", "statuses", "infos", "configs",
}

func (c *comparer) differ(path, format string, args ...any) {
	c.diffs = append(c.diffs, path+": "+fmt.Sprintf(format, args...))
}

// equal tells whether want and got agree; the ids it pairs are kept only if they do.
func (c *comparer) equal(path string, want, got any) bool {
	trial := *c
	trial.ids, trial.diffs = c.ids.clone(), nil
	trial.compare(path, want, got)
	if len(trial.diffs) > 0 {
		return false
	}
	*c.ids = *trial.ids
	return true
}

func (c *comparer) compare(path string, want, got any) {
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			c.differ(path, "want %s, got %s", compact(want), compact(got))
			return
		}
		c.compareObjects(path, w, g)
	case []any:
		g, ok := got.([]any)
		if !ok && got != nil {
			c.differ(path, "want %s, got %s", compact(want), compact(got))
			return
		}
		c.compareLists(path, w, g)
	case string:
		if g, ok := got.(string); !ok || !c.sameText(path, w, g) {
			c.differ(path, "want %q, got %s", c.ids.translate(w), compact(got))
		}
	case float64:
		if g, ok := got.(float64); !ok || !c.sameNumber(path, w, g) {
			c.differ(path, "want %v, got %s", w, compact(got))
		}
	default:
		if want != got {
			c.differ(path, "want %s, got %s", compact(want), compact(got))
		}
	}
}

func (c *comparer) compareObjects(path string, want, got map[string]any) {
	for _, key := range sortedKeys(want) {
		value, ok := got[key]
		if !ok && c.trimmed && key == "id" {
			value, ok = lifted(got) // the recorder moved the id of an operation up from its info (33b)
		}
		if !ok {
			if list, empty := want[key].([]any); c.trimmed && empty && len(list) == 0 {
				continue // the recorder wrote the cut field as an empty list even where it was absent
			}
			c.differ(path, "want field %s=%s, got none", key, compact(want[key]))
			continue
		}
		c.compare(path+"."+key, want[key], value)
	}
	for _, key := range sortedKeys(got) {
		if _, ok := want[key]; !ok && !c.trimmed {
			c.differ(path, "unwanted field %s=%s", key, compact(got[key]))
		}
	}
}

func lifted(operation map[string]any) (any, bool) {
	info, _ := operation["info"].(map[string]any)
	id, ok := info["id"]
	return id, ok
}

// leftOutEntry tells whether a list entry is the recorder's word that it left one out (24).
func leftOutEntry(entry any) bool { return strings.HasSuffix(text(entry, "trimmed"), "left out") }

func (c *comparer) compareLists(path string, want, got []any) {
	name := lastKey(path)
	if c.trimmed && strings.HasSuffix(name, "resources") && slices.ContainsFunc(got, isCpusOrMem) && !slices.ContainsFunc(want, isOtherResource) {
		got = slices.DeleteFunc(slices.Clone(got), isOtherResource)
	}
	if len(want) != len(got) {
		c.differ(path, "want %d entries, got %d: want %s, got %s", len(want), len(got), compact(want), compact(got))
		return
	}
	if slices.Contains(unorderedLists, name) || c.looseResources && name == "resources" {
		c.compareUnordered(path, want, got)
		return
	}
	for i := range want {
		if i < len(got) {
			c.compare(fmt.Sprintf("%s[%d]", path, i), want[i], got[i])
		}
	}
}

// compareUnordered pairs every wanted entry with an equal one; what finds none is compared with what is left over.
func (c *comparer) compareUnordered(path string, want, got []any) {
	left := slices.Clone(got)
	var lonely []int
	for i, w := range want {
		at := slices.IndexFunc(left, func(g any) bool { return c.equal(path, w, g) })
		if at < 0 {
			lonely = append(lonely, i)
			continue
		}
		left = slices.Delete(left, at, at+1)
	}
	for _, i := range lonely {
		if leftOutEntry(want[i]) && len(left) > 0 {
			left = left[1:]
			continue
		}
		entry := fmt.Sprintf("%s[%d]", path, i)
		if len(left) == 0 {
			c.differ(entry, "want %s, got none", compact(want[i]))
			continue
		}
		c.compare(entry, want[i], left[0])
		left = left[1:]
	}
}

func (c *comparer) sameText(path, want, got string) bool {
	if strings.HasSuffix(strings.TrimSuffix(path, ".value"), "uuid") {
		return c.ids.bind(kindStatusUUID, want, got)
	}
	if c.looseResources && strings.Contains(want, "does not contain") {
		return c.ids.matchText(sortedWords(want), sortedWords(got))
	}
	return c.ids.matchText(want, got)
}

// sortedWords is an error text with the resources it lists in order of name.
func sortedWords(s string) string {
	have, wanted, _ := strings.Cut(s, " does not contain ")
	sorted := func(list string) string {
		parts := strings.Split(list, "; ")
		slices.Sort(parts)
		return strings.Join(parts, "; ")
	}
	return sorted(have) + " does not contain " + sorted(wanted)
}

// sameNumber compares numbers; of points in time only presence is compared, ports and process ids are paired.
func (c *comparer) sameNumber(path string, want, got float64) bool {
	switch name := lastKey(path); {
	case name == "port":
		return c.ids.bind(kindPort, fmt.Sprint(want), fmt.Sprint(got))
	case name == "executor_pid":
		return c.ids.bind(kindPID, fmt.Sprint(want), fmt.Sprint(got))
	case pointInTime(path):
		return got > 0
	}
	return want == got
}

// pointInTime tells whether a number is the time at which something happened in the master. (Times of a maintenance
// window are the client's and are compared.)
func pointInTime(path string) bool {
	switch lastKey(path) {
	case "timestamp", "start_time", "elected_time":
		return true
	case "nanoseconds":
		return strings.Contains(path, "registered_time.") || strings.Contains(path, "timestamp.") ||
			strings.Contains(path, "_time.nanoseconds")
	}
	return false
}

func lastKey(path string) string { return path[strings.LastIndexByte(path, '.')+1:] }

func isCpusOrMem(resource any) bool {
	name := text(resource, "name")
	return name == "cpus" || name == "mem"
}

func isOtherResource(resource any) bool { return !isCpusOrMem(resource) }

func sortedKeys(object map[string]any) []string {
	keys := make([]string, 0, len(object))
	for key := range object {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// compact is v as one line of JSON, cut where it gets long.
func compact(v any) string {
	out, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	const enough = 600
	if len(out) > enough {
		return string(out[:enough]) + "…"
	}
	return string(out)
}
