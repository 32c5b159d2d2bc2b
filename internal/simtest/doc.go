// Package simtest runs the whole daemon against an emulated Mesos master, a
// faked kube-apiserver and a small kube-scheduler in virtual time, breaks
// everything that can break in an order drawn from a seed, and checks after
// every step what must never happen and, once nothing breaks any more, what
// must have come about.
//
// A seed fixes the faults, their times and what they strike, the delays, the
// UUIDs and whatever else is drawn. It does not fix what the Go runtime decides
// by itself: which ready case of a select is taken, and the turns of goroutines
// that become ready at the same instant, which also depend on how busy the
// machine is. About half of the seeds tell the same story twice, to the line;
// the others part somewhere, and a violation may be gone in the second run. Have
// the stories of seeds with violations written down as they happen: -stories DIR.
//
// It owns the world around the daemon, the faults and the invariants. The
// invariants are read from the books of the emulated master and of the faked
// kube-apiserver, never from the daemon's. It holds tests only and must not be
// imported.
package simtest
