package filter

// candidate is a node that fits.
type candidate struct {
	rank  uint64 // the highest first
	index int    // in the nodes of the call
}

// below orders candidates: of equal ones, that which came later is the lower.
func (c candidate) below(other candidate) bool {
	return c.rank < other.rank || c.rank == other.rank && c.index > other.index
}

// usual is as many as are mostly asked for.
const usual = 16

// top keeps the candidates of the highest rank: a binary heap with the lowest
// of them at its root.
type top []candidate

// takes reports whether a candidate of that rank may be added.
func (t top) takes(rank uint64, limit int) bool { return len(t) < limit || rank >= t[0].rank }

// offer adds c if it is among the limit highest so far. Most offers cost one
// comparison.
func (t *top) offer(c candidate, limit int) {
	switch heap := *t; {
	case len(heap) < limit:
		if heap == nil {
			heap = make(top, 0, min(limit, usual))
		}
		*t = append(heap, c)
		t.up(len(heap))
	case heap[0].below(c):
		heap[0] = c
		heap.down()
	}
}

func (t top) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if !t[i].below(t[parent]) {
			return
		}
		t[parent], t[i] = t[i], t[parent]
		i = parent
	}
}

func (t top) down() {
	for i := 0; ; {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(t); child++ {
			if t[child].below(t[least]) {
				least = child
			}
		}
		if least == i {
			return
		}
		t[i], t[least] = t[least], t[i]
		i = least
	}
}

// sort puts the highest first. Nothing can be offered afterwards.
func (t top) sort() {
	for last := len(t) - 1; last > 0; last-- {
		t[0], t[last] = t[last], t[0]
		t[:last].down()
	}
}
