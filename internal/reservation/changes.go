package reservation

import "sync"

// changesKept bounds the log; a reader that is further behind looks at all.
const changesKept = 1 << 14

// Changes is a log of agents whose occupants have changed, for readers that keep
// something computed from them. Its zero value is ready to use.
type Changes struct {
	mu     sync.Mutex // guards all below
	before uint64     // changes that are no longer in agents
	agents []string
}

// note adds an agent, after its new occupants have been published.
func (c *Changes) note(agentID string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.agents) == changesKept {
		c.before += uint64(len(c.agents))
		c.agents = c.agents[:0]
	}
	c.agents = append(c.agents, agentID)
}

// Since calls each for the agents that changed since an earlier call returned
// seen, and returns what to pass next. It reports false if it does not know them
// all: then any may have changed.
func (c *Changes) Since(seen uint64, each func(agentID string)) (next uint64, ok bool) {
	c.mu.Lock()
	next = c.before + uint64(len(c.agents))
	if seen < c.before {
		c.mu.Unlock()
		return next, false
	}
	fresh := append([]string(nil), c.agents[seen-c.before:]...)
	c.mu.Unlock()
	for _, agentID := range fresh {
		each(agentID)
	}
	return next, true
}
