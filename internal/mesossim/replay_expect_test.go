package mesossim

import (
	"bytes"
	"fmt"
	"time"
)

// expectEvent waits for the items of an event. Offers that came in one event must come from one allocation.
func (s *session) expectEvent(l *recordedLine) {
	var first, last time.Duration
	for i, want := range l.items {
		got := s.expect(l, want)
		if got == nil {
			return
		}
		if i == 0 {
			first, last = got.at, got.at
		}
		first, last = min(first, got.at), max(last, got.at)
	}
	if last-first > sameAllocation {
		s.differ(l, "stream %s: offers of one allocation came %v apart", l.Stream, last-first)
	}
}

// expect waits for the counterpart of a recorded item on the same stream and compares the two.
func (s *session) expect(l *recordedLine, want *item) *item {
	stream := s.streams[l.Stream]
	if stream == nil {
		s.differ(l, "stream %s was never open; want %s", l.Stream, want.describe())
		return nil
	}
	if want.heartbeat() {
		return nil // see compareHeartbeats
	}
	tol := s.toleranceOf(l, want)
	until := s.due(want.at).Add(tol.late)
	if earliest := time.Now().Add(minimumWait); until.Before(earliest) {
		until = earliest
	}
	got := stream.await(until, func(candidates []*item) *item { return s.counterpart(want, candidates) })
	if got == nil {
		got = s.lastResort(want, stream.untaken())
	}
	if got == nil {
		s.differ(l, "stream %s: want %s, got nothing until %v", l.Stream, want.describe(), tol.late)
		return nil
	}
	s.compareItem(l, want, got, tol, stream)
	return got
}

// minimumWait is for events which are due by the clock but whose goroutines have not run yet.
const minimumWait = 10 * time.Millisecond

// counterpart picks the item that equals the wanted one, else nil: what is not equal may still be on its way.
func (s *session) counterpart(want *item, candidates []*item) *item {
	for _, candidate := range candidates {
		if want.key() != candidate.key() && offering(want.typ) || want.typ != candidate.typ {
			continue
		}
		trial := comparer{ids: s.ids, looseResources: s.quota}
		if trial.equal("event", want.body, candidate.body) {
			return candidate
		}
	}
	return nil
}

// lastResort picks an item that resembles the wanted one, so that the report shows the difference in detail.
func (s *session) lastResort(want *item, candidates []*item) *item {
	for _, candidate := range candidates {
		if want.key() == candidate.key() {
			return candidate
		}
	}
	for _, candidate := range candidates {
		if want.typ == candidate.typ && !offering(want.typ) && !candidate.heartbeat() {
			return candidate
		}
	}
	return nil
}

// compareItem compares an event with its counterpart: fields, place among the others, time.
func (s *session) compareItem(l *recordedLine, want, got *item, tol tolerance, stream *eventStream) {
	got.taken = true
	c := &comparer{ids: s.ids, looseResources: s.quota}
	c.compare("event", want.body, got.body)
	if want.shell != nil {
		c.compare("event", want.shell, got.shell)
	}
	for _, d := range c.diffs {
		s.differ(l, "stream %s: %s: %s", l.Stream, want.typ, d)
	}
	if want.frame != nil && want.typ == "HEARTBEAT" && !bytes.Equal(want.frame, got.frame) {
		s.differ(l, "stream %s: want the heartbeat frame %q, got %q", l.Stream, want.frame, got.frame)
	}
	for _, before := range stream.untaken() {
		if before.batch < got.batch && !mayOvertake(before, got) {
			s.differ(l, "stream %s: out of order: %s came before %s", l.Stream, before.describe(), want.describe())
		}
	}
	s.compareTime(l, want, got, tol)
}

// compareTime checks the delay, and lets the replay lag if the event came late: what follows it in the recording must
// follow it here at the same distance.
func (s *session) compareTime(l *recordedLine, want, got *item, tol tolerance) {
	late := got.at - s.shift - s.clock(want.at)
	s.trace = append(s.trace, fmt.Sprintf("line %d: %s at %v, %+.3fs off (%s ±%v), lag %v",
		l.number, want.key(), want.at, late.Seconds(), tol.class, tol.late, s.shift))
	// What an event that came early brings about comes early too.
	if inChain := late - min(0, s.chain); late > tol.late || late < -tol.early && inChain < -tol.early {
		s.differ(l, "stream %s: %s came %+.3fs off its time %.3fs (tolerance %s: -%v +%v)", l.Stream, want.typ,
			late.Seconds(), want.at.Seconds(), tol.class, tol.early, tol.late)
	}
	s.chain = late
	if late > lagFrom && !want.heartbeat() {
		s.shift += late
	}
}

// lagFrom is the lateness up to which the replay keeps to the recorded times, so that its calls stay at the recorded
// distance from the ticks of the allocation timer.
const lagFrom = 150 * time.Millisecond

// compareRest reports the events that came and were not recorded. Those that may have been on their way when the
// recorder stopped do not count.
func (s *session) compareRest() {
	for label, stream := range s.streams {
		if err := stream.defect(); err != nil {
			s.differ(nil, "stream %s: %v", label, err)
		}
		for _, it := range stream.untaken() {
			if it.heartbeat() || it.at > s.clock(s.rec.end)+s.shift-endMargin || s.rec.unread(label) {
				continue
			}
			s.diffs = append(s.diffs, difference{at: it.at - s.shift,
				message: fmt.Sprintf("stream %s: unwanted event at t=%v: %s", label, it.at-s.shift, it.describe())})
		}
	}
}

// unread tells whether the recorder opened a stream only to see its first event: then not even the HEARTBEAT that
// comes with every subscription is recorded (31: streams B and C).
func (r *recording) unread(label string) bool {
	events := 0
	for _, l := range r.lines {
		if l.Stream == label && (l.Kind == kindEvent || l.Kind == kindClosed) {
			events++
		}
	}
	return events <= 1
}

// compareEnds reports the streams that the server closed without that being recorded. (The recorder did not always see
// the end of a stream whose master was gone.)
func (s *session) compareEnds() {
	recorded := map[string]bool{}
	for _, l := range s.rec.lines {
		recorded[l.Stream] = recorded[l.Stream] || l.Kind == kindClosed
	}
	for label, stream := range s.streams {
		if stream.hasEnded() && !recorded[label] && !stream.masterGone {
			s.differ(nil, "stream %s: closed by the server at t=%v, which is not recorded", label, stream.end()-s.shift)
		}
	}
}

// masterGone notes that streams may end without a line.
func (s *session) masterGone() {
	for _, stream := range s.streams {
		stream.masterGone = true
	}
}

// endMargin is the time before the end of a recording in which an event may have escaped the recorder.
const endMargin = 50 * time.Millisecond

// compareHeartbeats checks that every stream had one HEARTBEAT each 15 s from the first on, in the recording and here.
func (s *session) compareHeartbeats() {
	recorded := map[string][]time.Duration{}
	for _, l := range s.rec.lines {
		for _, it := range l.items {
			if it.typ == "HEARTBEAT" {
				recorded[l.Stream] = append(recorded[l.Stream], it.at)
			}
		}
	}
	for label, stream := range s.streams {
		if s.rec.unread(label) {
			continue
		}
		s.compareBeats(label, recorded[label], stream.beats())
	}
}

func (s *session) compareBeats(label string, recorded, observed []time.Duration) {
	for i := 1; i < len(observed); i++ {
		if gap := observed[i] - observed[i-1]; (gap - heartbeatInterval).Abs() > heartbeatTolerance {
			s.differ(nil, "stream %s: HEARTBEAT %d came %v after the one before", label, i+1, gap)
		}
	}
	for i := 1; i < len(recorded); i++ {
		if gap := recorded[i] - recorded[i-1]; (gap - heartbeatInterval).Abs() > heartbeatTolerance {
			s.differ(nil, "stream %s: recorded HEARTBEAT %d came %v after the one before", label, i+1, gap)
		}
	}
	if missing := len(recorded) - len(observed); missing > 0 || missing < -s.beatsBy(label, recorded, observed) {
		s.differ(nil, "stream %s: want %d HEARTBEATs, got %d", label, len(recorded), len(observed))
	}
}

// beatsBy is how many heartbeats more than recorded may have come: those due only because the replay lags behind.
func (s *session) beatsBy(label string, recorded, observed []time.Duration) int {
	if len(recorded) == 0 || len(observed) <= len(recorded) {
		return 0
	}
	end := s.rec.end
	for _, l := range s.rec.lines {
		if l.Kind == kindClosed && l.Stream == label {
			end = min(end, l.at)
		}
	}
	next := recorded[len(recorded)-1] + heartbeatInterval
	if next > end-heartbeatTolerance-s.shift {
		return 1
	}
	return 0
}
