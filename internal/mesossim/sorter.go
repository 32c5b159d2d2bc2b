package mesossim

import (
	"maps"
	"slices"
	"strings"
)

// share is what a client of a sorter has been given.
type share struct {
	amounts quantities // offered or allocated now
	count   int        // times it was given something
}

// sorter orders clients by dominant resource fairness, as
// src/master/allocator/mesos/sorter/drf does: first the smallest share, then
// the fewest allocations, then the name. Names with slashes form a tree whose
// levels are ordered one after the other.
type sorter struct {
	clients map[string]*share // name → what it has
	dirty   bool
	sorted  []string
}

func newSorter() *sorter { return &sorter{clients: map[string]*share{}} }

func (s *sorter) add(name string) {
	if s.clients[name] == nil {
		s.clients[name] = &share{amounts: quantities{}}
		s.dirty = true
	}
}

func (s *sorter) remove(name string) {
	delete(s.clients, name)
	s.dirty = true
}

func (s *sorter) allocated(name string, amounts quantities) {
	if c := s.clients[name]; c != nil {
		c.amounts.addQ(amounts, 1)
		c.count++
		s.dirty = true
	}
}

func (s *sorter) unallocated(name string, amounts quantities) {
	if c := s.clients[name]; c != nil {
		c.amounts.addQ(amounts, -1)
		s.dirty = true
	}
}

// order returns the clients' names; total is what the cluster has.
func (s *sorter) order(total quantities) []string {
	if s.dirty {
		s.sorted = s.sortTree(total)
		s.dirty = false
	}
	return s.sorted
}

// node is one level of a client's name with all that lies below it.
type node struct {
	name     string // full path; of a client that has children also, path/.
	client   string // "" for inner nodes
	amounts  quantities
	count    int
	children map[string]*node
	share    float64
}

func (s *sorter) sortTree(total quantities) []string {
	if len(s.clients) == 1 {
		return slices.Collect(maps.Keys(s.clients))
	}
	root := &node{children: map[string]*node{}}
	for name, c := range s.clients {
		root.insert(name, c)
	}
	return root.flatten(total, nil)
}

func (n *node) insert(name string, c *share) {
	at := n
	parts := strings.Split(name, "/")
	for i := range parts {
		path := strings.Join(parts[:i+1], "/")
		next := at.children[path]
		if next == nil {
			next = &node{name: path, amounts: quantities{}, children: map[string]*node{}}
			at.children[path] = next
		}
		next.amounts.addQ(c.amounts, 1)
		next.count += c.count
		at = next
	}
	at.children["."] = &node{name: name + "/.", client: name, amounts: c.amounts, count: c.count}
}

func (n *node) flatten(total quantities, out []string) []string {
	if n.client != "" {
		return append(out, n.client)
	}
	level := slices.Collect(maps.Values(n.children))
	for _, child := range level {
		child.share = dominantShare(child.amounts, total)
	}
	slices.SortFunc(level, func(a, b *node) int {
		switch {
		case a.share < b.share:
			return -1
		case a.share > b.share:
			return 1
		case a.count != b.count:
			return a.count - b.count
		}
		return strings.Compare(a.name, b.name)
	})
	for _, child := range level {
		out = child.flatten(total, out)
	}
	return out
}

func dominantShare(amounts, total quantities) float64 {
	largest := 0.0
	for name, whole := range total {
		if whole > 0 {
			largest = max(largest, float64(amounts[name])/float64(whole))
		}
	}
	return largest
}
