// Package simtest runs the whole daemon against an emulated Mesos master, a
// faked kube-apiserver and a small kube-scheduler in virtual time, breaks
// everything that can break in an order drawn from a seed, and checks after
// every step what must never happen and, once nothing breaks any more, what
// must have come about.
//
// A seed fixes the faults, their times and what they strike, the delays, the
// UUIDs and whatever else is drawn, also by the Go runtime (see package luck).
// Each runs in a process of its own, so that -seed tells the same story, to the
// letter, as the run of many seeds. What stays the process's own is the order of
// maps of more than eight entries: the daemon must not depend on it. Where many
// processes contend for the machine, a run in some hundred parts from the others
// all the same: a sync.Mutex goes by real time. With -race no run repeats, since
// the runtime then shuffles goroutines; outside Linux, where it preempts them, a
// busy machine matters more; and where luck does not know the runtime, one run
// in four parts. -stories DIR writes the stories of seeds with violations down
// as they happen.
//
// It owns the world around the daemon, the faults and the invariants. The
// invariants are read from the books of the emulated master and of the faked
// kube-apiserver, never from the daemon's. It holds tests only and must not be
// imported.
package simtest
