// Package listing tells an operator what every reservation of ours is for, by
// what the Mesos master and the kube-apiserver say of it at this moment.
//
// It owns the comparison of the two and its printed forms. It must not change
// anything on either side, depend on a running daemon, or guess: what could
// not be read is unknown, and an error.
package listing
