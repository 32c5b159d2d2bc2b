package reservation

import (
	"slices"
	"sync"
)

// changesKept bounds the log: a reader that is further behind looks at all.
const changesKept = 1 << 14

// changes is a log of agents whose occupants have changed, for readers that keep
// something computed from them. Its zero value is ready to use.
type changes struct {
	mu     sync.Mutex // guards all below
	before uint64     // how many are no longer in agents
	agents []string
}

// note adds an agent whose new occupants can be read.
func (c *changes) note(agentID string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.agents) == changesKept {
		c.before += changesKept
		clear(c.agents)
		c.agents = c.agents[:0]
	}
	c.agents = append(c.agents, agentID)
}

// since is Manager.Changed. It holds no lock while it calls each.
func (c *changes) since(seen uint64, each func(agentID string)) (next uint64, known bool) {
	c.mu.Lock()
	next = c.before + uint64(len(c.agents))
	if seen < c.before {
		c.mu.Unlock()
		return next, false
	}
	fresh := slices.Clone(c.agents[seen-c.before:])
	c.mu.Unlock()
	for _, agentID := range fresh {
		each(agentID)
	}
	return next, true
}
