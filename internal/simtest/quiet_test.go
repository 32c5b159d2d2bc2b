package simtest

import (
	"fmt"
	"slices"
	"strings"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/mesossim"
)

const (
	quietWithin = 6 * time.Minute // for all to come right once nothing breaks any more
	quietStep   = time.Second
	quietAfter  = 15 * time.Second // for the last effects of faults to be over
	quietFor    = 3                // looks in a row at which all is right
)

// settle waits until everything is as it must be in the end.
func (w *world) settle() {
	w.story.tell("--- nothing breaks any more")
	w.quietSince.Store(time.Now().UnixNano())
	var wrong []string
	for right, began := 0, time.Now(); right < quietFor; {
		if time.Since(began) > quietWithin {
			for _, text := range wrong {
				w.violated("in the end: %s", text)
			}
			return
		}
		w.due(false)
		w.luck.Renew()
		time.Sleep(quietStep)
		synctest.Wait()
		w.tend()
		w.check()
		if w.broken() {
			return
		}
		if wrong = w.unsettled(); len(wrong) == 0 {
			right++
		} else {
			right = 0
		}
	}
	w.story.tell("--- all is well")
}

// withdrawn is told of a bind that failed because its offers were taken back:
// when nothing breaks and nobody competes, nobody takes them.
func (w *world) withdrawn(pod *corev1.Pod, node string) {
	since := w.quietSince.Load()
	if since != 0 && time.Since(time.Unix(0, since)) > quietAfter {
		w.violated("%s was promised offers of %s that there were not", shown(pod), node)
	}
}

// unsettled lists what is not as it must be in the end.
func (w *world) unsettled() []string {
	books := w.sim.Books()
	pods := w.pods()
	var wrong []string
	for _, agent := range books.Agents {
		wrong = append(wrong, w.orphans(agent, pods)...)
		if agent.Pending > 0 {
			wrong = append(wrong, fmt.Sprintf("%d operations on %s are not acknowledged", agent.Pending, agent.Hostname))
		}
	}
	for _, pod := range pods {
		if pod.Spec.NodeName != "" && !ended(pod) {
			wrong = append(wrong, w.unheld(pod, books)...)
		}
		if pod.Spec.NodeName == "" && pod.DeletionTimestamp == nil {
			wrong = append(wrong, w.fitting(pod, books)...)
		}
	}
	return append(wrong, w.leaks()...)
}

// orphans are reservations of ours that no live pod on that node holds.
func (w *world) orphans(agent mesossim.AgentBooks, pods []*corev1.Pod) []string {
	var wrong []string
	for uid := range ours(append(slices.Clone(agent.OnDisk), agent.Reservation...)) {
		held := slices.ContainsFunc(pods, func(pod *corev1.Pod) bool {
			return string(pod.UID) == uid && pod.Spec.NodeName == agent.Hostname && !ended(pod)
		})
		if !held {
			wrong = append(wrong, fmt.Sprintf("%s keeps a reservation for %s, which does not run there", agent.Hostname, uid))
		}
	}
	slices.Sort(wrong)
	return wrong
}

// unheld says so if a live bound pod has lost its reservation.
func (w *world) unheld(pod *corev1.Pod, books mesossim.Books) []string {
	w.mu.Lock()
	wiped, bound := w.wipedAt[pod.Spec.NodeName], w.boundAt[string(pod.UID)]
	w.mu.Unlock()
	if wiped.After(bound.Add(-forgiven)) {
		return nil
	}
	for _, agent := range books.Agents {
		if agent.Hostname != pod.Spec.NodeName {
			continue
		}
		if found, ok := ours(agent.OnDisk)[string(pod.UID)]; !ok || !covers(found, requested(pod)) {
			return []string{fmt.Sprintf("pod %s runs on %s, whose agent holds %v for it", shown(pod), agent.Hostname, found.Amounts)}
		}
	}
	return nil
}

// fitting says so if a pending pod has room somewhere.
func (w *world) fitting(pod *corev1.Pod, books mesossim.Books) []string {
	want := requested(pod)
	nodes := w.nodeNames()
	for _, agent := range books.Agents {
		if !agent.Active || !slices.Contains(nodes, agent.Hostname) {
			continue
		}
		cpus, mem, taken := agent.Total["cpus"], agent.Total["mem"], false
		for _, r := range agent.Reservation {
			cpus, mem = cpus-r.Amounts["cpus"], mem-r.Amounts["mem"]
			taken = taken || want.port != 0 && hasPort(r.Ports, want.port)
		}
		if cpus >= want.cpus && mem >= want.mem && !taken {
			return []string{fmt.Sprintf("pod %s (%s) is pending, and %s has %g cpus and %g mem", shown(pod), want, agent.Hostname, cpus, mem)}
		}
	}
	return nil
}

// leaks reads the leader's metrics.
func (w *world) leaks() []string {
	var wrong []string
	leaders := 0
	for _, p := range w.processes() {
		values, err := p.metrics()
		if err != nil {
			return []string{fmt.Sprintf("%s: %v", p.name, err)}
		}
		if !p.ready() {
			continue
		}
		leaders++
		for name, value := range values {
			if value != 0 && mustBeZero(name) {
				wrong = append(wrong, fmt.Sprintf("%s: %s is %g", p.name, name, value))
			}
		}
	}
	if leaders != 1 {
		wrong = append(wrong, fmt.Sprintf("%d replicas are ready", leaders))
	}
	slices.Sort(wrong)
	return wrong
}

func mustBeZero(name string) bool {
	switch strings.TrimPrefix(name, "mesos_extender_") {
	case "holds_waiting", "holds_departed", "reservation_illegal_transitions_total",
		`reservations{state="held"}`, `reservations{state="reserving"}`,
		`reservations{state="reserved"}`, `reservations{state="releasing"}`:
		return true
	}
	return false
}
