package roster

import (
	"fmt"
	"slices"
	"testing"
	"unsafe"
)

func TestTableFindsItsNodesOnly(t *testing.T) {
	for _, count := range []int{0, 1, 3, 4, 100, 5000} {
		names := make([]string, count)
		for i := range names {
			names[i] = nodeOf(i)
		}
		table, found := newTable(slices.Values(names), count), map[*entry]bool{}
		for _, name := range names {
			e := table.find(hash([]byte(name)))
			if e == nil || !e.cell.Load().stale {
				t.Fatalf("%d nodes: %s is %v", count, name, e)
			}
			found[e] = true
		}
		if len(found) != count {
			t.Errorf("%d nodes share %d entries", count, len(found))
		}
		for i := range 1000 {
			if e := table.find(hash(fmt.Append(nil, "stranger-", i))); e != nil {
				t.Fatalf("%d nodes: a stranger is found", count)
			}
		}
	}
}

// The runtime aligns what has 64 bytes to lines of the cache.
func TestCellFillsItsLine(t *testing.T) {
	if size := unsafe.Sizeof(cell{}); size != 64 {
		t.Errorf("a cell has %d bytes", size)
	}
}
