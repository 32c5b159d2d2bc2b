// Package bind takes one bind from kube-scheduler's call to its answer: find
// the pod and the agent, reserve, post the Binding, undo what failed.
//
// Invariant: a Binding is posted only after Mesos confirmed the reservation. A
// bind is detached from the HTTP request that asked for it, and a second call
// for the same pod joins the first. The package must not talk to Mesos itself.
package bind
