package mesossim

import "time"

// timer is the allocation timer of a recorded master. It is armed again after each run, so that its period is a few
// milliseconds longer than the interval of one second, and drifts by a tenth of a second in half a minute. The
// replay's clock runs faster by as much (session.clock): calls recorded just before or after a tick come on the same
// side of it here.
type timer struct {
	phase  time.Duration // of the ticks, on the replay's clock
	period time.Duration
}

const (
	allocationInterval = time.Second
	longestPeriod      = 1006 * time.Millisecond
	periodStep         = 200 * time.Microsecond
)

// timerAfter estimates the timer from the OFFERS that follow a line (nil: the start) up to the next start of a master.
func (r *recording) timerAfter(from *recordedLine) timer {
	ticks := r.ticksAfter(from)
	best, bestSum := timer{phase: allocationInterval / 2, period: allocationInterval}, time.Duration(0)
	for period := allocationInterval; period <= longestPeriod; period += periodStep {
		scaled := make([]time.Duration, len(ticks))
		for i, tick := range ticks {
			scaled[i] = scale(tick, period) % allocationInterval
		}
		phase, sum := circularMedian(scaled)
		if len(ticks) > 0 && (period == allocationInterval || sum < bestSum) {
			best, bestSum = timer{phase, period}, sum
		}
		if len(ticks) < enoughTicks {
			break
		}
	}
	return best
}

// enoughTicks is the number of OFFERS from which the period can be told.
const enoughTicks = 5

// scale turns a recorded time into one of a clock on which the timer's period is one interval.
func scale(t, period time.Duration) time.Duration {
	return time.Duration(float64(t) * float64(allocationInterval) / float64(period))
}

// ticksAfter are the times of OFFERS that no call and no action brought about at once.
func (r *recording) ticksAfter(from *recordedLine) (ticks []time.Duration) {
	started := from == nil
	var lastCause time.Duration
	for _, l := range r.lines {
		if a, ok := l.action.(masterAction); ok && started && (a.verb == masterFresh || a.verb == masterStart) {
			break
		}
		if started && onlyOffers(l) && l.at-lastCause > immediately {
			ticks = append(ticks, l.at)
		}
		if l.drives() && allocatesAtOnce(l.callType()) || l.action != nil {
			lastCause = l.at
		}
		started = started || l == from
	}
	return ticks
}

// circularMedian is the phase with the least distance to all others, modulo an interval, and the sum of distances.
func circularMedian(phases []time.Duration) (best, bestSum time.Duration) {
	for i, candidate := range phases {
		var sum time.Duration
		for _, other := range phases {
			d := (candidate - other).Abs()
			sum += min(d, allocationInterval-d)
		}
		if i == 0 || sum < bestSum {
			best, bestSum = candidate, sum
		}
	}
	return best, bestSum
}
