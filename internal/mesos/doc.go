// Package mesos is the framework's connection to a Mesos master: subscription,
// heartbeat watchdog, following the leader, calls, operation feedback and the
// few operator calls that recovery needs.
//
// It owns everything that depends on Mesos' wire types; nothing of mesos-go
// leaves it. It must not know pods, nodes or what a reservation is for.
package mesos
