// Package lab runs a real Kubernetes control plane on loopback for this
// repository's tests, demo and benchmarks: etcd, kube-apiserver and, on demand,
// kube-scheduler and KWOK, whose fake nodes run pods without any kubelet.
//
// It owns the building of the hack/controlplane binary (cached under .cache/ of
// the checkout), the processes it starts, their ports, keys and logs (under
// .cache/run/<name>), and stops them all; children die with the process that
// started them. It must not import k8s.io/kubernetes, must not listen beyond
// loopback, and is never imported by the daemon.
//
// Nothing here is durable: etcd does not sync to disk and every start is from
// an empty cluster with new keys.
package lab
