package mesossim

import "time"

// inCausalOrder moves lines to where their cause or effect demands. The recorder wrote a line when it noticed
// something, which is not always when it happened:
//
//   - An operator line is written when the response has come; the events of the request stand before it. It goes back
//     to where the request was sent (t minus took).
//   - "agent .. was SIGKILLed just before that ACCEPT" goes before that call; a note that the master was killed goes
//     before the streams' "closed by server" which it explains.
//   - OFFERS between a call that makes no offers (DECLINE, ACCEPT, ACKNOWLEDGE, ..) and its response come from the
//     allocation timer, which fired before the master took the call. They go before the call, or the replay would
//     hand the call's resources to an allocation that did not have them. So do OFFERS to a framework right after
//     another one subscribed: the timer fired before the newcomer had a share.
func inCausalOrder(lines []*recordedLine) []*recordedLine {
	ordered := append([]*recordedLine(nil), lines...)
	for i := range ordered {
		switch l := ordered[i]; {
		case l.Kind == kindOperator:
			moveBefore(ordered, i, func(before *recordedLine) bool {
				caused := !onlyOffers(before) || allocatesAtOnce(l.callType())
				return waits(before) && caused && (l.Took == nil || before.at > l.sentAt()+time.Millisecond)
			})
		case l.action != nil && l.action.before() == beforeCall:
			moveBeforeCall(ordered, i)
		case l.action != nil && l.action.before() == beforeClosed:
			moveBefore(ordered, i, func(before *recordedLine) bool {
				return before.Kind == kindClosed && before.By == "server" && l.at-before.at < 500*time.Millisecond
			})
		case l.Kind == kindEvent && onlyOffers(l):
			moveTimerOffers(ordered, i)
		}
	}
	return ordered
}

func waits(l *recordedLine) bool {
	return l.Kind == kindEvent || l.Kind == kindClosed && l.By == "server"
}

// moveBefore shifts ordered[i] towards the start past every directly preceding line for which past holds.
func moveBefore(ordered []*recordedLine, i int, past func(*recordedLine) bool) {
	for ; i > 0 && past(ordered[i-1]); i-- {
		ordered[i-1], ordered[i] = ordered[i], ordered[i-1]
	}
}

// moveBeforeCall shifts ordered[i] to just before the last call line.
func moveBeforeCall(ordered []*recordedLine, i int) {
	call := i
	for call > 0 && ordered[call].Kind != kindCall {
		call--
	}
	moveBefore(ordered, i, func(before *recordedLine) bool { return before.number >= ordered[call].number })
}

// moveTimerOffers shifts an OFFERS line to before the call in front of it if the allocation came before the call: it
// stands between the call and its response, or right after the subscription of another stream. A call that makes the
// master allocate for this stream is its cause, and stays before it.
func moveTimerOffers(ordered []*recordedLine, i int) {
	offers := ordered[i]
	for j := i - 1; j >= 0 && (waits(ordered[j]) || ordered[j].Kind == kindResponse || ordered[j].Kind == kindCall); j-- {
		call := ordered[j]
		if call.Kind != kindCall {
			continue
		}
		others := call.OpensStream != "" && call.OpensStream != offers.Stream
		inFlight := call.response.number > offers.number && !allocatesAtOnce(call.callType())
		if inFlight || others && offers.at-call.at < sameAllocation {
			moveBefore(ordered, i, func(l *recordedLine) bool { return l.number >= call.number })
		}
		return
	}
}

// allocatesAtOnce lists the calls after which the master allocates without waiting for its timer (observed in
// 01, 02c, 08, 09, 10b, 25).
func allocatesAtOnce(callType string) bool {
	switch callType {
	case "SUBSCRIBE", "REVIVE", "UPDATE_FRAMEWORK", "UPDATE_MAINTENANCE_SCHEDULE":
		return true
	}
	return false
}

func onlyOffers(l *recordedLine) bool {
	for _, it := range l.items {
		if it.typ != "OFFERS" {
			return false
		}
	}
	return len(l.items) > 0
}

// mayOvertake tells whether event a, recorded before b on the same stream, may in another run come after it without
// that being a difference. Everything else keeps its order. What comes in a different order in a real master:
//
//   - Heartbeats come from a timer of their own; they are compared by compareHeartbeats. The first comes with the
//     subscription: after SUBSCRIBED, and mostly but not always (07, 25) before the first OFFERS.
//   - Offers (and inverse offers) of one allocation stand in the order of a hash map keyed by agent ids, which contain
//     a random UUID, and one allocation may be sent as one OFFERS event or as one per agent, depending on how many
//     agents were put on the allocator's list when it ran (10b: both). The unit compared is therefore the single
//     offer; those recorded within sameAllocation of each other may change places.
//   - Offers come from the allocator, statuses from agents. Their order is a race; both have tolerances in time.
//   - RESCINDs (and RESCIND_INVERSE_OFFERs) that one cause brings for several agents are sent in the order of a hash
//     map. For one agent the offer is rescinded before the inverse offer: these keep their order.
func mayOvertake(a, b *item) bool {
	if a.heartbeat() || b.heartbeat() {
		return true
	}
	if a.first && offering(b.typ) || offering(a.typ) && b.first {
		return true
	}
	near := (b.at - a.at).Abs() <= sameAllocation
	switch {
	case offering(a.typ) && offering(b.typ):
		return near && (a.agentKey() != b.agentKey() || a.typ == b.typ)
	case offering(a.typ) && fromAgent(b.typ), fromAgent(a.typ) && offering(b.typ):
		return true
	case rescinding(a.typ) && rescinding(b.typ):
		return near && (a.typ == b.typ || a.agentKey() != b.agentKey())
	case rescinding(a.typ) && offering(b.typ), offering(a.typ) && rescinding(b.typ):
		return near && a.agentKey() != b.agentKey()
	}
	return false
}

// sameAllocation is how far apart two events may be that have one cause, in recordings made on a loaded machine.
const sameAllocation = 100 * time.Millisecond

func offering(typ string) bool { return typ == "OFFERS" || typ == "INVERSE_OFFERS" }

func fromAgent(typ string) bool { return typ == "UPDATE" || typ == "UPDATE_OPERATION_STATUS" }

func rescinding(typ string) bool { return typ == "RESCIND" || typ == "RESCIND_INVERSE_OFFER" }
