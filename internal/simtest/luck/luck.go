// Package luck fixes what the Go runtime decides by itself while one goroutine
// runs at a time (GOMAXPROCS=1). The race detector takes its work for a race.
//
// Source seeds what it draws: which ready case of a select is taken, where the
// iteration of a map begins, and which of the timers of a synctest bubble that
// end at the same instant comes first. The runtime draws from two generators
// that each of its threads (an m in its terms) owns, and offers no way to seed
// them. They are found in the memory of the thread by watching them move, so
// that nothing depends on where a version of the runtime has them, and all is
// left alone if they are not found.
//
// Hush keeps it from taking the processor away from a goroutine.
//
// The package is for tests. It must not be imported by the daemon.
package luck

import (
	"errors"
	"math/bits"
	"runtime"
	"sync"
	"unsafe"
)

// ErrUnknown says that this runtime draws in a way that this package does not know.
var ErrUnknown = errors.New("the runtime's generators are not where they were")

// getm returns the thread that the caller runs on: runtime.getm, whose result
// is declared as an uintptr there.
//
//go:linkname getm runtime.getm
func getm() unsafe.Pointer

//go:linkname cheaprand runtime.cheaprand
func cheaprand() uint32

//go:linkname slowrand runtime.rand
func slowrand() uint64

// The constants of wyrand, which is what cheaprand is (runtime/rand.go).
const (
	wyStep = 0xa0761d6478bd642f
	wyMask = 0xe7037ed1a0b428db
)

// generators are the two as they lie in the runtime's m, one behind the other
// (runtime/runtime2.go, internal/chacha8rand).
type generators struct {
	buf     [32]uint64
	key     [4]uint64
	next    uint32 // in buf
	filled  uint32 // how much of buf may be drawn
	counter uint32
	_       uint32
	cheap   uint64
}

// mWords is how much of an m is searched; an m is larger in every version.
const mWords = 220

// offset is where in an m the generators lie, 0 if they were not found.
var offset = sync.OnceValue(func() uintptr {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	m := (*[mWords]uint64)(getm())
	for range 3 { // something else may have been drawn in between
		before := *m
		drawn := cheaprand()
		for i := int(unsafe.Offsetof(generators{}.cheap) / 8); i < mWords; i++ {
			if m[i] != before[i]+wyStep {
				continue
			}
			if hi, lo := bits.Mul64(m[i], m[i]^wyMask); uint32(hi^lo) != drawn {
				continue
			}
			at := uintptr(i)*8 - unsafe.Offsetof(generators{}.cheap)
			if (*generators)(unsafe.Add(getm(), at)).draws() {
				return at
			}
		}
	}
	return 0
})

// draws reports whether the runtime's rand draws from g.
func (g *generators) draws() bool {
	for range 3 * len(g.buf) {
		next, filled := g.next, g.filled
		drawn := slowrand()
		if next < filled && filled <= uint32(len(g.buf)) && g.next == next+1 && g.buf[next] == drawn {
			return true
		}
	}
	return false
}

// Source seeds the runtime again and again. A nil one does nothing.
type Source struct {
	seed, times uint64
}

// New returns a source, or ErrUnknown.
func New(seed uint64) (*Source, error) {
	if offset() == 0 {
		return nil, ErrUnknown
	}
	return &Source{seed: seed}, nil
}

// Renew seeds the generators of the thread that the caller runs on. What the
// runtime draws next depends only on the source's seed and on how many calls
// there were before, not on what was drawn in between: the runtime draws also
// for caches of its own, whose state a run inherits from what ran before it.
func (s *Source) Renew() {
	if s == nil {
		return
	}
	s.times++
	(*generators)(unsafe.Add(getm(), offset())).fill(s.seed*wyMask + s.times*wyStep)
}

func (g *generators) fill(state uint64) {
	for i := range g.buf {
		g.buf[i] = wyrand(&state)
	}
	for i := range g.key {
		g.key[i] = wyrand(&state)
	}
	g.next, g.filled, g.counter = 0, uint32(len(g.buf)), 0
	g.cheap = wyrand(&state)
}

func wyrand(state *uint64) uint64 {
	*state += wyStep
	hi, lo := bits.Mul64(*state, *state^wyMask)
	return hi ^ lo
}
