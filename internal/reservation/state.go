package reservation

import (
	"fmt"
	"slices"
)

// State is where a reservation stands in its life.
//
//	          cache full, pod ended
//	┌──────┐──────────────────────────────────────────────┐
//	│ Held │                                              │
//	└──┬───┘                                              │
//	   │ ACCEPT with RESERVE leaves                       │
//	┌──▼────────┐  failed, dropped, never arrived         │
//	│ Reserving │─────────────────────────────────────────┤
//	└──┬────────┘                                         │
//	   │ FINISHED with a uuid, or our label seen          │
//	┌──▼───────┐   the agent lost it                      │
//	│ Reserved │──────────────────────────────────────────┤
//	└──┬──▲─┬──┘                                          │
//	   │  │ │ pod ended, bound elsewhere, or never bound  │
//	   │  │ └──────────────────┐                          │
//	   │  └─────────────────┐  │                          │
//	   │     bind of its pod│  │                          │
//	   │ Binding stands     │  │                          │
//	┌──▼────┐  pod ended   ┌┴──▼───────┐  UNRESERVE    ┌──▼───┐
//	│ Bound │──────────────► Releasing │───────────────► Gone │
//	└──┬────┘              └───────────┘  finished     └──▲───┘
//	   │ the agent lost it                                │
//	   └──────────────────────────────────────────────────┘
//
// A bound pod may be resized: then parts of its reservation are unreserved, or
// more is reserved under the same labels, while it stays Bound (or is Releasing
// by the time Mesos answers).
//
// A reservation lingers in Releasing: at first its UNRESERVE leaves only
// together with the RESERVE of a pod that needs what it frees (hand-over), when
// the linger is over with the next offer that holds it, and at last through the
// operator API. Until the UNRESERVE has left, a bind of its own pod takes it
// back.
//
// A reservation that is found in Mesos without our having made it in this
// process (a restart, a change of leader) enters at Reserved.
type State int

// The states, in the order a reservation passes them.
const (
	Held      State = iota + 1 // promised by the offer cache, nothing sent
	Reserving                  // RESERVE sent, outcome unknown
	Reserved                   // confirmed by Mesos
	Bound                      // and its pod is bound to the agent's node
	Releasing                  // must be unreserved
	Gone                       // no longer exists in Mesos, or never did
)

var stateNames = map[State]string{
	Held: "held", Reserving: "reserving", Reserved: "reserved",
	Bound: "bound", Releasing: "releasing", Gone: "gone",
}

func (s State) String() string { return stateNames[s] }

// next lists the transitions that exist; everything else is a bug.
var next = map[State][]State{
	Held:      {Reserving, Gone},
	Reserving: {Reserved, Gone},
	Reserved:  {Bound, Releasing, Gone},
	Bound:     {Releasing, Gone},
	Releasing: {Reserved, Gone},
}

// transitionError reports a transition that is not in the picture above.
type transitionError struct{ from, to State }

func (e *transitionError) Error() string {
	return fmt.Sprintf("illegal transition of a reservation from %s to %s", e.from, e.to)
}

func checkTransition(from, to State) error {
	if slices.Contains(next[from], to) {
		return nil
	}
	return &transitionError{from: from, to: to}
}
