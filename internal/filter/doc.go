// Package filter decides which nodes a pod can go to: filter, score and
// preempt, as pure functions over one view.
//
// It owns the reasons for which a node is refused. It must not do I/O, keep
// state, take a lock or know the HTTP face.
package filter
