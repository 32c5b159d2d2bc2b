package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/kube-mesos-extender/kube-mesos-extender/hack/harness"
)

// broken are the Bindings that were stored without a reservation. One that was
// asked for and not stored, because its pod had gone, broke nothing.
func (r *chaosRun) broken() (out []harness.Baseless) {
	for _, b := range r.witness.Baseless() {
		if r.census.boundTo(b.UID) == b.Node {
			out = append(out, b)
		}
	}
	return out
}

// forbidden fails the run for Bindings without a reservation.
func (r *chaosRun) forbidden() error {
	_, err := r.witness.Bindings()
	if broken := r.broken(); len(broken) > 0 {
		err = errors.Join(err, fmt.Errorf("bound without a reservation: %v", broken))
	}
	return err
}

// enough fails a run that did not put the system to the test.
func (r *chaosRun) enough() error {
	_, _, kills := r.killer.counts()
	_, bound, _ := r.census.counts()
	if kills < r.kills || bound == 0 {
		return fmt.Errorf("only %d of %d kills, and %d pods bound", kills, r.kills, bound)
	}
	return nil
}

// print shows the counts.
func (r *chaosRun) print(v verdict, took time.Duration) {
	kills, ends, sum := r.killer.counts()
	seen, bound, completed := r.census.counts()
	made, released := r.court.disks.Counts()
	bindings, _ := r.witness.Bindings() // the error is told by forbidden
	l := r.load
	for _, row := range [][2]string{
		{"kills", fmt.Sprintf("%d (%s)", sum, byName(kills))},
		{"processes that ended by themselves", byName(ends)},
		{"pods created", fmt.Sprintf("%d (%d under a name just deleted, %d to complete; %d seen by the watch)", l.created, l.recreated, l.completing, seen)},
		{"pods bound", fmt.Sprintf("%d (%d asked for Bindings)", bound, len(bindings))},
		{"pods completed", fmt.Sprint(completed)},
		{"pods deleted", fmt.Sprint(l.deleted)},
		{"calls of the load refused", fmt.Sprint(l.refused)},
		{"reservations made, by the agents' disks", fmt.Sprint(made)},
		{"reservations released", fmt.Sprint(released)},
		{"quiet after", took.Round(100 * time.Millisecond).String()},
		{"lost", fmt.Sprint(len(v.lost))},
		{"doubled", fmt.Sprint(len(v.doubled))},
		{"orphaned", fmt.Sprint(len(v.orphaned))},
		{"not bound or not completed in the end", fmt.Sprint(len(v.waiting))},
		{"bound without a reservation (forbidden)", fmt.Sprintf("%d (%d asked for)", len(r.broken()), len(r.witness.Baseless()))},
	} {
		fmt.Fprintf(r.out, "%-40s %s\n", row[0], row[1])
	}
}

// byName prints counts in the order of their names.
func byName(counts map[string]int) string {
	if len(counts) == 0 {
		return "none"
	}
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%s %d", name, counts[name]))
	}
	return strings.Join(parts, ", ")
}
