package crew_test

import (
	"runtime"
	"testing"
	"testing/synctest"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/crew"
)

// More jobs than goroutines are kept for run side by side; afterwards no more
// than that stay, and they do the next jobs. A goroutine that is left would have
// the bubble panic at the end.
func TestGoroutinesAreKeptWithinBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const kept = 3
		c, before := crew.New(kept), runtime.NumGoroutine()
		for range 2 {
			release, done := make(chan struct{}), make(chan struct{})
			for range 2 * kept {
				c.Go(func() { <-release; done <- struct{}{} })
			}
			synctest.Wait()
			if got := runtime.NumGoroutine() - before; got != 2*kept {
				t.Fatalf("%d goroutines do %d jobs that wait", got, 2*kept)
			}
			close(release)
			for range 2 * kept {
				<-done
			}
			synctest.Wait()
			if got := runtime.NumGoroutine() - before; got != kept {
				t.Errorf("%d goroutines stay, want %d", got, kept)
			}
		}
		c.Dismiss()
	})
}

// A job that is under way when the crew is dismissed is waited for.
func TestDismissalWaitsForTheJobs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, release, dismissed := crew.New(1), make(chan struct{}), false
		c.Go(func() { <-release })
		go func() { c.Dismiss(); dismissed = true }()
		synctest.Wait()
		if dismissed {
			t.Error("dismissed while a job is under way")
		}
		close(release)
		synctest.Wait()
		if !dismissed {
			t.Error("not dismissed although no job is under way")
		}
		c.Dismiss()
	})
}
