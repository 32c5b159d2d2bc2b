// Package demand matches what Mesos offers with what pods wait for: it revives
// a role while something waits for its offers, gives offers back that nobody
// needs, and wakes the refused pods that fresh offers cover.
//
// It owns the refused pods and the roles' rate limits. It must not reserve
// anything: a woken pod comes back through kube-scheduler like any other.
package demand
