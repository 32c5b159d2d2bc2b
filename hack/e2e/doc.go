// Package e2e tests the whole system: the daemon under its shipped service
// account, a stock kube-scheduler with its shipped configuration, a real
// kube-apiserver and etcd, and an emulated Mesos master in a process of its own.
//
// It owns nothing but tests. What it judges by is the API server's and the
// master's own account, never the daemon's. Tests run one after another; -short
// skips them.
package e2e
