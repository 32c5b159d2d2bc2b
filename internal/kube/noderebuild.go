package kube

import (
	"maps"
	"slices"
	"strings"

	"go.uber.org/zap"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/logkeys"
)

// rebuild makes a new map from what is known now and publishes it, unless the
// latest one has every change.
func (n *Nodes) rebuild() {
	n.rebuilding.Lock()
	defer n.rebuilding.Unlock()
	n.mu.Lock()
	if n.mapped == n.changes {
		n.mu.Unlock()
		return
	}
	nodes, avoided, agents := maps.Clone(n.nodes), maps.Clone(n.avoided), slices.Collect(maps.Values(n.agents))
	changes := n.changes
	n.mu.Unlock()
	slices.SortFunc(agents, func(a, b *knownAgent) int { return strings.Compare(a.ID, b.ID) })
	fresh := match(nodes, agents)
	fresh.avoided = avoided
	n.current.Store(fresh)
	n.warn(fresh.ambiguous)
	n.mu.Lock()
	n.mapped = changes
	n.mu.Unlock()
}

// warn reports each ambiguous node once, and again only after it was certain
// in between.
func (n *Nodes) warn(ambiguous []AmbiguousNode) {
	before := n.warned
	n.warned = make(map[string]bool, len(ambiguous))
	warnings := 0
	for _, node := range ambiguous {
		n.warned[node.Node] = true
		if before[node.Node] {
			continue
		}
		if warnings++; warnings <= maxWarnings {
			n.log.Warn("several Mesos agents or nodes match: set the annotation "+AgentAnnotation+" on the node",
				zap.String(logkeys.Node, node.Node), zap.Strings(logkeys.AgentID, node.Agents))
		}
	}
	if warnings > maxWarnings {
		n.log.Warn("more nodes match several Mesos agents", zap.Int(logkeys.Count, warnings-maxWarnings))
	}
}
