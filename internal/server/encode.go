package server

import (
	"encoding/json"
	"strconv"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/filter"
)

// appender is an answer that encodes itself, as encoding/json would its API
// type.
type appender interface {
	appendJSON(to []byte) []byte
}

// filterResult is ExtenderFilterResult, with nodes as they came and reasons as
// the filter made them.
type filterResult struct {
	whole   bool // Nodes in the place of NodeNames
	nodes   []node
	names   []string
	refused filter.Names // in FailedAndUnresolvableNodes
	reasons []filter.Reason
	failed  string // Error
}

// appendJSON encodes every field, empty rather than null, but Nodes and
// NodeNames: kube-scheduler goes by the one that is not null, and neither is if
// there is an error. FailedNodes has none: see filter.Verdict.
func (r filterResult) appendJSON(to []byte) []byte {
	to = append(to, `{"Nodes":`...)
	if r.whole && r.failed == "" {
		to = append(to, `{"items":[`...)
		for i := range r.nodes {
			to = append(comma(to, i), r.nodes[i].raw...)
		}
		to = append(to, `]}`...)
	} else {
		to = append(to, `null`...)
	}
	to = append(to, `,"NodeNames":`...)
	if !r.whole && r.failed == "" {
		to = append(to, '[')
		for i := range r.names {
			to = appendString(comma(to, i), r.names[i])
		}
		to = append(to, ']')
	} else {
		to = append(to, `null`...)
	}
	to = append(to, `,"FailedNodes":{},"FailedAndUnresolvableNodes":{`...)
	for i := range r.refused.Len() {
		to = append(appendString(comma(to, i), r.refused.At(i)), ':')
		to = appendString(to, string(r.reasons[i]))
	}
	to = append(to, `},"Error":`...)
	return append(appendString(to, r.failed), '}')
}

// priorities are a HostPriorityList.
type priorities struct {
	names  filter.Names
	plain  bool // the names need no escapes
	scores []int64
}

func (p priorities) appendJSON(to []byte) []byte {
	to = append(to, '[')
	for i, score := range p.scores {
		to = append(comma(to, i), `{"Host":`...)
		if p.plain {
			to = append(append(append(to, '"'), p.names.At(i)...), '"')
		} else {
			to = appendString(to, p.names.At(i))
		}
		to = append(to, `,"Score":`...)
		to = append(strconv.AppendInt(to, score, 10), '}')
	}
	return append(to, ']')
}

// comma separates the element i from the one before.
func comma(to []byte, i int) []byte {
	if i > 0 {
		return append(to, ',')
	}
	return to
}

// appendString encodes a string, most of which need no escapes.
func appendString[T string | []byte](to []byte, text T) []byte {
	from := len(to) + 1
	to = append(to, '"')
	to = append(to, text...)
	if from+ordinary(to[from:]) < len(to) {
		encoded, _ := json.Marshal(string(text)) // of a string never fails
		return append(to[:from-1], encoded...)
	}
	return append(to, '"')
}
