// Package resources holds the one resource vector that Kubernetes pods and
// Mesos offers are both translated into, the offer in those terms, and the
// translation from a pod's effective request.
//
// It owns units and rounding: scalars are int64 thousandths (Mesos keeps three
// decimals, docs/attributes-resources.md), memory and disk are MiB, requests
// are always rounded up. It must not import any other package of this project,
// do I/O or know the Mesos wire types.
package resources
