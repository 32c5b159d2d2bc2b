// Command chaos runs the whole system on loopback and kills parts of it with
// SIGKILL at random moments while pods come and go and a neighbour framework
// competes: both replicas of the daemon in turn, the emulated Mesos master with
// its agents, and kube-apiserver. When the faults stop the system must become
// quiet, and then every live bound pod has one reservation on its node's agent
// and there is no other.
//
//	chaos [-seed N] [-kills N] [-duration D] [-settle D]
//
// It owns the plan of the kills, the load and the verdict. It must not know how
// the system is started (hack/harness does), and judges by the API server and by
// the agents' disks, never by what the daemon says. A seed repeats the plan and
// the load, but not how the processes run.
package main
