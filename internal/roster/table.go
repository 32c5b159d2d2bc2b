package roster

import (
	"hash/maphash"
	"iter"
	"sync/atomic"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/filter"
)

// table finds a node's place by the hash of its name, with open addressing: an
// entry and the place itself are all the memory that a search touches. Which
// nodes it has is decided when it is made.
//
// A name is taken for its hash. A node that the cluster does not have passes for
// one that it has once in 2^64/nodes calls; nobody can look for such a name,
// since the hash is the process's own; and bind looks the node up by its name.
type table struct {
	mask    uint64
	entries []entry
}

type entry struct {
	hash uint64 // 0: empty
	cell atomic.Pointer[cell]
}

// cell is a place, or stands where one has to be computed. It is immutable, and
// fills a line of the cache.
type cell struct {
	place filter.Place
	stale bool
}

var seed = maphash.MakeSeed()

func hash(name []byte) uint64 { return max(1, maphash.Bytes(seed, name)) }

// newTable returns a table of so many nodes, in which all is to be computed.
func newTable(nodes iter.Seq[string], count int) *table {
	size := 4
	for 3*size < 4*count {
		size *= 2
	}
	t, empty := &table{mask: uint64(size - 1), entries: make([]entry, size)}, &cell{stale: true}
	for node := range nodes {
		h := hash([]byte(node))
		at := h & t.mask
		for t.entries[at].hash != 0 {
			at = (at + 1) & t.mask
		}
		t.entries[at].hash = h
		t.entries[at].cell.Store(empty)
	}
	return t
}

// home returns the first entry to look at for that hash.
func (t *table) home(h uint64) *entry { return &t.entries[h&t.mask] }

// find returns the entry of that hash, nil if there is none.
func (t *table) find(h uint64) *entry {
	for at := h & t.mask; ; at = (at + 1) & t.mask {
		switch e := &t.entries[at]; e.hash {
		case h:
			return e
		case 0:
			return nil
		}
	}
}
