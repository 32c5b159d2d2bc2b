package luck

import (
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"sync/atomic"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	runtime.MemProfileRate = 0 // draws which allocations to look at
	os.Exit(m.Run())
}

// choices are what the runtime decides: the order of a select's cases, and where
// a map's iteration begins.
func choices() []int {
	made := make([]int, 0, 20)
	one, other := make(chan int), make(chan int)
	close(one)
	close(other)
	numbers := map[int]bool{0: true, 1: true, 2: true, 3: true, 4: true, 5: true}
	for range 10 {
		select {
		case <-one:
			made = append(made, 0)
		case <-other:
			made = append(made, 1)
		}
		for n := range numbers {
			made = append(made, n)
			break
		}
	}
	return made
}

// alone has the test's goroutine stay on one thread.
func alone(t *testing.T) {
	t.Helper()
	former := runtime.GOMAXPROCS(1)
	runtime.LockOSThread()
	t.Cleanup(func() {
		runtime.UnlockOSThread()
		runtime.GOMAXPROCS(former)
	})
}

func source(t *testing.T, seed uint64) *Source {
	t.Helper()
	s, err := New(seed)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestTheSameSeedMakesTheSameChoices(t *testing.T) {
	alone(t)
	made := func(seed uint64, renewals int) []int {
		s := source(t, seed)
		for range renewals {
			s.Renew()
		}
		return choices()
	}
	choices() // which has the stack grow, and that draws
	first := made(1, 1)
	choices() // something else is drawn
	if again := made(1, 1); !slices.Equal(first, again) {
		t.Errorf("first %v, then %v", first, again)
	}
	if other := made(2, 1); slices.Equal(first, other) {
		t.Errorf("another seed chooses the same: %v", other)
	}
	if other := made(1, 2); slices.Equal(first, other) {
		t.Errorf("the second renewal chooses the same: %v", other)
	}
}

// More is drawn than the generator of the runtime's rand has in store.
func TestARenewalLastsBeyondTheStore(t *testing.T) {
	alone(t)
	draw := func() []uint64 {
		source(t, 7).Renew()
		var drawn []uint64
		for range 300 {
			drawn = append(drawn, slowrand())
		}
		return drawn
	}
	if first, again := draw(), draw(); !slices.Equal(first, again) {
		t.Errorf("first %v, then %v", first, again)
	} else if slices.Equal(first[:32], first[32:64]) {
		t.Error("the store comes again and again")
	}
}

func TestNoSourceDoesNothing(*testing.T) { (*Source)(nil).Renew() }

// busy runs for longer than the monitor lets a goroutine run.
func busy() {
	for began := time.Now(); time.Since(began) < 100*time.Millisecond; {
	}
}

func TestAHushedRuntimePreemptsNobody(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("Hush does nothing here")
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	debug.FreeOSMemory() // see Hush
	preempted := func() bool {
		var ran atomic.Bool
		done := make(chan struct{})
		go func() { ran.Store(true); close(done) }()
		busy()
		defer func() { <-done }()
		return ran.Load()
	}
	hushed := false
	for attempt := 0; attempt < 5 && !hushed; attempt++ { // the monitor of a busy machine may be late
		release, err := Hush()
		if err != nil {
			t.Fatal(err)
		}
		hushed = !preempted()
		release()
	}
	if !hushed {
		t.Error("another goroutine ran in between")
	}
	if !preempted() {
		t.Error("nothing preempts even after release: the test proves nothing")
	}
}
