package offercache

import (
	"hash/maphash"
	"slices"
)

const (
	pageSize = 64 // buckets in a page
	maxLoad  = 8  // agents per bucket, on average, above which the table grows
)

// table is a hash table of agents that is never changed in place: an edit
// copies the list of pages, and the one page and bucket that it touches, about
// 3 KiB at 100,000 agents, and shares all others with the table it came from.
type table struct {
	seed  maphash.Seed
	pages []*page // a power of two
	count int
}

type (
	page   [pageSize]bucket
	bucket []entry
	entry  struct {
		hash uint64
		view *AgentView
	}
)

func newTable() table {
	return table{seed: maphash.MakeSeed(), pages: []*page{new(page)}}
}

// locate returns where an agent of that hash belongs.
func (t *table) locate(hash uint64) (pageIndex, bucketIndex uint64) {
	return (hash / pageSize) & uint64(len(t.pages)-1), hash % pageSize
}

func (t *table) get(agentID string) (*AgentView, bool) {
	hash := maphash.String(t.seed, agentID)
	p, b := t.locate(hash)
	bucket := t.pages[p][b]
	if i := bucket.index(hash, agentID); i >= 0 {
		return bucket[i].view, true
	}
	return nil, false
}

func (b bucket) index(hash uint64, agentID string) int {
	for i := range b {
		if b[i].hash == hash && b[i].view.AgentID == agentID {
			return i
		}
	}
	return -1
}

func (t *table) all(yield func(string, *AgentView) bool) {
	for _, p := range t.pages {
		for _, b := range p {
			for _, e := range b {
				if !yield(e.view.AgentID, e.view) {
					return
				}
			}
		}
	}
}

// edit is a table under construction. It copies a page when it first touches
// it.
type edit struct {
	table
	owned []bool // pages that no other table shares
}

func (t *table) edit() *edit {
	e := &edit{table: *t, owned: make([]bool, len(t.pages))}
	e.pages = slices.Clone(t.pages)
	return e
}

// at returns the bucket of hash, in a page that may be written.
func (e *edit) at(hash uint64) *bucket {
	p, b := e.locate(hash)
	if !e.owned[p] {
		fresh := *e.pages[p]
		e.pages[p], e.owned[p] = &fresh, true
	}
	return &e.pages[p][b]
}

func (e *edit) put(view *AgentView) {
	hash := maphash.String(e.seed, view.AgentID)
	b := e.at(hash)
	if i := b.index(hash, view.AgentID); i >= 0 {
		fresh := slices.Clone(*b)
		fresh[i].view = view
		*b = fresh
		return
	}
	// Never into spare capacity: an older table may use the same array.
	*b = append(slices.Clip(*b), entry{hash, view})
	e.count++
	if e.count > len(e.pages)*pageSize*maxLoad {
		e.grow()
	}
}

func (e *edit) remove(agentID string) {
	hash := maphash.String(e.seed, agentID)
	p, b := e.locate(hash)
	i := e.pages[p][b].index(hash, agentID)
	if i < 0 {
		return
	}
	at := e.at(hash)
	*at = slices.Concat((*at)[:i], (*at)[i+1:])
	e.count--
}

// grow doubles the number of pages, so that the cost per agent stays constant.
func (e *edit) grow() {
	old := e.pages
	e.pages = make([]*page, 2*len(old))
	e.owned = make([]bool, len(e.pages))
	for i := range e.pages {
		e.pages[i], e.owned[i] = new(page), true
	}
	for _, p := range old {
		for _, b := range p {
			for _, moved := range b {
				p, b := e.locate(moved.hash)
				e.pages[p][b] = append(e.pages[p][b], moved)
			}
		}
	}
}
