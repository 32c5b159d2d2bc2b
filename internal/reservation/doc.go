// Package reservation owns the life of every Mesos reservation that carries
// our cluster's label: it makes them for pods, confirms them by operation
// feedback, finds them again after a restart and releases them when their pod
// has ended.
//
// Invariant: every reservation of ours ends held by a live pod or unreserved,
// and nothing else is ever touched. The package must not post Bindings, and it
// keeps nothing on disk: the labels in Mesos and the pods in Kubernetes are
// the only truth, read again at each start.
package reservation
