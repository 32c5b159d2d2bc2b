package mesossim

import (
	"sync"
	"time"
)

// dice stands for the shuffles of a real allocator: at each allocation it walks through the agents in random order,
// which decides who gets what when roles or frameworks tie, and whose resources a quota lets through. The replay
// searches for the shuffles that the recorded master must have made (searchShuffles).
type dice struct {
	mu      sync.Mutex
	choices []int // n-th shuffle → index of the permutation; 0, the order of hostnames, beyond the end
	rolls   []roll
}

type roll struct {
	at     time.Time
	agents int
}

// mostShuffled is the number of agents up to which permutations are searched; more keep their order.
const mostShuffled = 3

func (d *dice) shuffle(hostnames []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	choice := 0
	if len(d.rolls) < len(d.choices) {
		choice = d.choices[len(d.rolls)]
	}
	d.rolls = append(d.rolls, roll{time.Now(), len(hostnames)})
	permute(hostnames, choice)
}

// permute puts list into its choice-th permutation.
func permute[T any](list []T, choice int) {
	for i := 0; i < len(list) && choice > 0; i++ {
		size := factorial(len(list) - 1 - i)
		pick := i + choice/size%(len(list)-i)
		choice %= size
		picked := list[pick]
		copy(list[i+1:pick+1], list[i:pick])
		list[i] = picked
	}
}

func factorial(n int) int {
	product := 1
	for ; n > 1; n-- {
		product *= n
	}
	return product
}

// random is what a replay was given for what is random in a real master.
type random struct {
	choices []int         // of the dice
	offset  time.Duration // of the allocation timer, from its estimated phase
}

// outcome is what one replay gave.
type outcome struct {
	diffs  []difference
	random random
	rolls  []roll
	began  time.Time
	lag    time.Duration // by which the replay lagged behind at its end
	stats  string
	runs   int // replays it took to find the shuffles
	trace  []string
}

// agreesUntil is the recorded time up to which the replay agreed with the recording.
func (o *outcome) agreesUntil() time.Duration {
	until := time.Duration(1<<63 - 1)
	for _, d := range o.diffs {
		until = min(until, d.at)
	}
	return until
}

// searchShuffles replays with other shuffles as long as that makes the replay agree for longer. A difference comes from
// one of the last shuffles before it, so these are varied one at a time.
func searchShuffles(once func(choices []int) *outcome) *outcome {
	var choices []int
	runs := 0
	replay := func(choices []int) *outcome {
		runs++
		return once(choices)
	}
	best := replay(nil)
	for len(best.diffs) > 0 {
		better, betterChoices := varyLastRolls(replay, best, choices)
		if better == nil {
			break
		}
		best, choices = better, betterChoices
	}
	best.runs = runs
	return best
}

// lastRolls is how many shuffles before a difference are tried.
const lastRolls = 4

func varyLastRolls(replay func([]int) *outcome, best *outcome, choices []int) (*outcome, []int) {
	until := best.agreesUntil()
	tried := 0
	for i := len(best.rolls) - 1; i >= 0 && tried < lastRolls; i-- {
		r := best.rolls[i]
		if r.agents < 2 || r.agents > mostShuffled || r.at.Sub(best.began)-best.lag > until+time.Second {
			continue
		}
		tried++
		for choice := 1; choice < factorial(r.agents); choice++ {
			varied := make([]int, i+1)
			copy(varied, choices)
			varied[i] = choice
			if o := replay(varied); o.agreesUntil() > until {
				return o, varied
			}
		}
	}
	return nil, nil
}
