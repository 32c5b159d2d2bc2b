package simtest

import (
	"encoding/binary"
	"hash/fnv"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/simtest/luck"
)

// dice draws what is drawn beside the main loop. A draw depends on the seed, on
// what it is for and on how often that was drawn before, but not on what else
// is going on: two goroutines that change places change nothing.
type dice struct {
	seed uint64
	luck *luck.Source

	mu    sync.Mutex
	drawn map[string]uint64
}

func newDice(seed uint64) *dice { return &dice{seed: seed, drawn: map[string]uint64{}} }

func (d *dice) rng(what string) *rand.Rand {
	d.luck.Renew()
	d.mu.Lock()
	d.drawn[what]++
	times := d.drawn[what]
	d.mu.Unlock()
	hash := fnv.New64a()
	_, _ = hash.Write([]byte(what)) // never fails
	_, _ = hash.Write(binary.LittleEndian.AppendUint64(nil, times))
	return rand.New(rand.NewPCG(d.seed, hash.Sum64()))
}

// between draws a duration, both ends included, in microseconds.
func (d *dice) between(what string, low, high time.Duration) time.Duration {
	return between(d.rng(what), low, high)
}

// chance is true in one of n draws.
func (d *dice) chance(what string, n int) bool { return d.rng(what).IntN(n) == 0 }

func between(rng *rand.Rand, low, high time.Duration) time.Duration {
	return low + time.Duration(rng.Int64N(int64((high-low)/time.Microsecond)+1))*time.Microsecond
}

func pick[T any](rng *rand.Rand, list []T) T { return list[rng.IntN(len(list))] }
