package simtest

import (
	"testing/synctest"
	"time"
)

// live is a whole run: a time of steps and faults, then quiet.
func (w *world) live() {
	w.tend()
	w.faulting = true
	for range 80 + w.rng.IntN(80) {
		w.luck.Renew()
		w.step()
		w.counts.Steps++
		time.Sleep(between(w.rng, time.Millisecond, 400*time.Millisecond))
		synctest.Wait()
		w.due(false)
		w.tend()
		synctest.Wait()
		w.check()
		w.kube.Forget()
		if w.broken() {
			return
		}
	}
	w.heal()
	w.settle()
}

// step lets one thing happen.
func (w *world) step() {
	switch w.rng.IntN(12) {
	case 0, 1, 2:
		w.createPod()
	case 3:
		w.neighbour.act(w.ctx, w.rng)
	case 4, 5, 6:
		w.endPod()
	case 7, 8, 9:
		w.fault()
	}
}

// endPod deletes a pod, or lets a bound one succeed.
func (w *world) endPod() {
	pods := w.pods()
	if len(pods) == 0 {
		return
	}
	pod := pick(w.rng, pods)
	if pod.Spec.NodeName != "" && !ended(pod) && w.rng.IntN(3) == 0 {
		w.finishPod(pod)
		return
	}
	w.deletePod(pod)
}
