// Package manifests holds no code: the YAML beside it deploys the extender and
// a second kube-scheduler. Its tests check that the files fit one another, the
// configuration the daemon reads, and the calls it makes.
package manifests
