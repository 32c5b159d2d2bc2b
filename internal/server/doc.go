// Package server is the HTTP face towards kube-scheduler: the verbs filter,
// prioritize, preempt and bind, and beside them health, metrics and profiles.
//
// It owns the wire format (k8s.io/kube-scheduler/extender/v1), TLS and the
// limits on what a caller may send. It must not decide where a pod goes, know
// Mesos' types, or keep anything between two requests.
package server
