// Package simtest runs the whole daemon against an emulated Mesos master, a
// faked kube-apiserver and a small kube-scheduler in virtual time, breaks
// everything that can break in an order drawn from a seed, and checks after
// every step what must never happen and, once nothing breaks any more, what
// must have come about.
//
// It owns the world around the daemon, the faults and the invariants. The
// invariants are read from the books of the emulated master and of the faked
// kube-apiserver, never from the daemon's. It holds tests only and must not be
// imported.
package simtest
