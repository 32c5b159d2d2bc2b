package filter

import "runtime"

// worthwhile is how many nodes another goroutine must have to judge. To wake a
// thread for it takes up to 0.3 ms on a virtual machine, as long as to judge a
// few thousand nodes: in two parts a call of 5,000 took longer, one of 100,000 a
// quarter less.
const worthwhile = 10_000

// partsOf returns in how many parts so many nodes are judged side by side.
func partsOf(nodes int) int {
	return min(max(nodes/worthwhile, 1), runtime.GOMAXPROCS(0))
}

// inParts calls do for each of the consecutive parts of so many nodes, side by
// side, and returns when all are done. It panics with what one of them panics
// with.
func inParts(nodes, parts int, do func(part, from, to int)) {
	ended := make(chan any, parts) // with a panic, mostly nil
	for part := 1; part < parts; part++ {
		go func() {
			defer func() { ended <- recover() }()
			do(part, nodes*part/parts, nodes*(part+1)/parts)
		}()
	}
	do(0, 0, nodes/parts)
	for part := 1; part < parts; part++ {
		if cause := <-ended; cause != nil {
			panic(cause)
		}
	}
}

// judged is what came of one part of a call's nodes.
type judged struct {
	*pass
	fits    shortlist
	refused refusals
	found   [Batch]*Place // for each, which escapes
}

// refuse takes note of a refused place. Once a node fits nobody wants to know
// which were refused, nor what all nodes lack.
func (j *judged) refuse(i int, at *Place, why Reason) {
	if j.fits.count > 0 {
		j.refused.forget()
	} else if at.flags&offering != 0 && !why.lasting() {
		j.note(at)
	}
	j.refused.add(i, why)
}

// add takes over what came of the next part.
func (j *judged) add(next *judged) {
	j.offers = j.offers || next.offers
	j.plentyPorts = j.plentyPorts || next.plentyPorts
	for i := range j.plenty {
		j.plenty[i] = j.plenty[i] || next.plenty[i]
	}
	j.fits.join(&next.fits)
	j.refused.join(next.refused)
}
