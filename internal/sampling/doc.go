// Package sampling keeps nodes that have nothing to offer out of the sample of
// nodes that kube-scheduler shows an extender, by a label that the scheduler's
// own NodeAffinity filter passes over.
//
// It owns when that label is put on a node and taken off. It must not touch
// anything else of a node, decide where a pod goes, or hide a node on which a
// pod could get room.
package sampling
