package mesossim

import (
	"container/heap"
	"context"
	"sync"
	"time"
)

// entry is something to be done at a time. It is cancelled by clearing do.
type entry struct {
	at  time.Time
	seq uint64
	do  func()
}

// cancel keeps e from being done; a nil entry is fine.
func (e *entry) cancel() {
	if e != nil {
		e.do = nil
	}
}

type entryHeap []*entry

func (h entryHeap) Len() int { return len(h) }
func (h entryHeap) Less(i, j int) bool {
	if h[i].at.Equal(h[j].at) {
		return h[i].seq < h[j].seq
	}
	return h[i].at.Before(h[j].at)
}
func (h entryHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *entryHeap) Push(x any)   { *h = append(*h, x.(*entry)) }
func (h *entryHeap) Pop() any {
	old := *h
	last := old[len(old)-1]
	*h = old[:len(old)-1]
	return last
}

// queue does entries in the order of their times, one at a time, holding mu.
// Its methods are called with mu held.
type queue struct {
	mu      *sync.Mutex
	entries entryHeap
	seq     uint64
	wake    chan struct{}
}

func newQueue(mu *sync.Mutex) *queue {
	return &queue{mu: mu, wake: make(chan struct{}, 1)}
}

// after does do once d has passed; entries due at the same time keep the order
// in which they were added.
func (q *queue) after(d time.Duration, do func()) *entry {
	q.seq++
	e := &entry{at: time.Now().Add(max(d, 0)), seq: q.seq, do: do}
	heap.Push(&q.entries, e)
	if q.entries[0] == e {
		select {
		case q.wake <- struct{}{}:
		default:
		}
	}
	return e
}

// run does entries until ctx ends.
func (q *queue) run(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		timer.Reset(q.doDue())
		select {
		case <-ctx.Done():
			return
		case <-q.wake:
		case <-timer.C:
		}
	}
}

// doDue does what is due and returns the time until the next entry.
func (q *queue) doDue() time.Duration {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.entries) > 0 {
		next := q.entries[0]
		if next.do == nil {
			heap.Pop(&q.entries)
			continue
		}
		if wait := time.Until(next.at); wait > 0 {
			return wait
		}
		heap.Pop(&q.entries)
		next.do()
	}
	return time.Hour
}
