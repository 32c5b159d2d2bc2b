package main

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// target is what is killed.
type target int

const (
	daemon target = iota
	master
	apiServer
	targets // how many there are
)

func (t target) String() string { return [...]string{"extender", "master", "kube-apiserver"}[t] }

// outage is one kill: when, counted from the beginning, and how long until the
// process is started again.
type outage struct {
	at, down time.Duration
}

// longest is the longest time for which a target stays down, not counting its
// start.
var longest = [targets]time.Duration{daemon: 4 * time.Second, master: 4 * time.Second, apiServer: 6 * time.Second}

// plan spreads kills over a duration: a sixth hit the API server, a quarter the
// master, the others the daemon. Each target's are at random moments of equal
// parts of the time, regardless of what happens to the other targets.
func plan(random *rand.Rand, kills int, duration time.Duration) [targets][]outage {
	counts := [targets]int{master: kills / 4, apiServer: kills / 6}
	counts[daemon] = kills - counts[master] - counts[apiServer]
	var out [targets][]outage
	for t, count := range counts {
		for i := range count {
			part := duration / time.Duration(count)
			out[t] = append(out[t], outage{
				at:   time.Duration(i)*part + upTo(random, part),
				down: upTo(random, longest[t]),
			})
		}
	}
	return out
}

// upTo is a random duration below limit.
func upTo(random *rand.Rand, limit time.Duration) time.Duration {
	return time.Duration(random.Int64N(int64(limit)))
}

// randomOf is the generator of one part of the run, so that the parts do not
// disturb one another's sequence.
func randomOf(seed uint64, part string) *rand.Rand {
	sum := uint64(0)
	for _, c := range part {
		sum = sum*31 + uint64(c)
	}
	return rand.New(rand.NewPCG(seed, sum))
}

func (o outage) String() string {
	return fmt.Sprintf("at %s for %s", o.at.Round(time.Millisecond), o.down.Round(time.Millisecond))
}
