package filter

// refusals are the refused nodes of one call.
type refusals struct {
	nodes   int
	reasons []tally // few
	// which is, for each of the nodes, the place of its reason in reasons. Nobody
	// wants to know once a node fits.
	which  []uint16
	fitted bool
}

type tally struct {
	reason Reason
	nodes  int
}

// add refuses the node i. It is called for each of the nodes until one fits.
func (r *refusals) add(i int, why Reason) {
	at := r.index(why)
	r.reasons[at].nodes++
	if r.fitted {
		return
	}
	if r.which == nil {
		r.which = make([]uint16, r.nodes)
	}
	r.which[i] = uint16(at)
}

// forget tells that a node fits.
func (r *refusals) forget() { r.fitted, r.which = true, nil }

func (r *refusals) index(why Reason) int {
	for i := range r.reasons {
		if r.reasons[i].reason == why {
			return i
		}
	}
	r.reasons = append(r.reasons, tally{reason: why})
	return len(r.reasons) - 1
}

// join adds the refusals of the nodes that come next.
func (r *refusals) join(next refusals) {
	to := make([]int, len(next.reasons))
	for i, t := range next.reasons {
		to[i] = r.index(t.reason)
		r.reasons[to[i]].nodes += t.nodes
	}
	if next.fitted {
		r.forget()
	}
	for _, at := range next.which {
		if !r.fitted {
			r.which = append(r.which, uint16(to[at]))
		}
	}
}

// replacePassing puts why in the place of each reason that does not last.
func (r *refusals) replacePassing(why Reason) {
	for i := range r.reasons {
		if !r.reasons[i].reason.lasting() {
			r.reasons[i].reason = why
		}
	}
}

// each returns the reason of each node, if none fits.
func (r *refusals) each() []Reason {
	out := make([]Reason, len(r.which))
	for i, at := range r.which {
		out[i] = r.reasons[at].reason
	}
	return out
}

func (r *refusals) counts() map[Reason]int {
	if len(r.reasons) == 0 {
		return nil
	}
	out := make(map[Reason]int, len(r.reasons))
	for _, t := range r.reasons {
		out[t.reason] += t.nodes
	}
	return out
}
