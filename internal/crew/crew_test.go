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

// A job that is under way when the crew is dismissed is finished.
func TestDismissedCrewFinishesItsJobs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, release, done := crew.New(1), make(chan struct{}), false
		c.Go(func() { <-release; done = true })
		c.Dismiss()
		close(release)
		synctest.Wait()
		if !done {
			t.Error("the job was not finished")
		}
	})
}
