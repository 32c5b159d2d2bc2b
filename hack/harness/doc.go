// Package harness runs the whole system on loopback for the demo, the
// end-to-end tests and the benchmarks: a Mesos master (emulated, or a given real
// one), a real Kubernetes control plane whose nodes are that master's agents,
// one or more replicas of the daemon, and a stock kube-scheduler that uses them.
//
// It owns those processes, their logs under .cache/run/<name>, and the way in
// which the shipped manifests become a running system: the daemon runs under
// the shipped service account with the shipped RBAC rules and configuration, the
// scheduler with the shipped KubeSchedulerConfiguration. It must not judge what
// happens, and must not import anything the daemon is made of but its
// configuration.
package harness
