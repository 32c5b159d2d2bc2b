package server

import (
	"encoding/json"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/filter"
)

// args are ExtenderArgs: the pod and the nodes to look at.
type args struct {
	pod   *corev1.Pod
	names filter.Names
	plain bool // the names stand in JSON as they are
	// nodes are the whole nodes, in the order of names, from a scheduler whose
	// configuration is not nodeCacheCapable; it wants them back. Else nil.
	nodes []node
}

// node is a Node as it came. It is sent back byte by byte: read into this
// build's API types it would lose the fields of a newer one, and the scheduler
// goes on with the node that it gets back.
type node struct {
	name string
	raw  json.RawMessage
}

func (n *node) UnmarshalJSON(data []byte) error {
	var named struct {
		Metadata struct {
			Name string `json:"name"`
		} `json:"metadata"`
	}
	if err := json.Unmarshal(data, &named); err != nil {
		return err
	}
	n.name, n.raw = named.Metadata.Name, slices.Clone(data)
	return nil
}

// args reads ExtenderArgs, quickly if they are as usual.
func (c *call) args() (args, error) {
	a, spans, ok := scanArgs(c.body, c.memory.spans)
	c.memory.spans = spans
	if ok {
		return a, nil
	}
	return decodeArgs(c.body)
}

// decodeArgs reads ExtenderArgs in any form.
func decodeArgs(body []byte) (args, error) {
	var wire struct {
		Pod       json.RawMessage
		Nodes     json.RawMessage
		NodeNames *[]string
	}
	if err := decodeStrict(body, &wire); err != nil {
		return args{}, err
	}
	pod, err := decodePod(wire.Pod)
	if err != nil {
		return args{}, err
	}
	switch {
	case absent(wire.Nodes) && wire.NodeNames == nil:
		return args{}, malformed("NodeNames: required, or Nodes from a scheduler that is not nodeCacheCapable")
	case absent(wire.Nodes):
		return namedArgs(pod, *wire.NodeNames)
	case wire.NodeNames != nil:
		return args{}, malformed("NodeNames: must be null where Nodes is given")
	}
	return wholeArgs(pod, wire.Nodes)
}

func namedArgs(pod *corev1.Pod, names []string) (args, error) {
	if i := slices.Index(names, ""); i >= 0 {
		return args{}, malformed("NodeNames[%d]: required", i)
	}
	return args{pod: pod, names: filter.NamesOf(names...)}, nil
}

func wholeArgs(pod *corev1.Pod, raw json.RawMessage) (args, error) {
	var list struct {
		Items []node `json:"items"`
	}
	if err := decodeLenient(raw, &list, "Nodes"); err != nil {
		return args{}, err
	}
	a, names := args{pod: pod, nodes: list.Items}, make([]string, len(list.Items))
	if a.nodes == nil {
		a.nodes = []node{} // no nodes, but in this form
	}
	for i, n := range a.nodes {
		if n.name == "" {
			return args{}, malformed("Nodes.items[%d].metadata.name: required", i)
		}
		names[i] = n.name
	}
	a.names = filter.NamesOf(names...)
	return a, nil
}
