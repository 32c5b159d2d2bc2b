// Command controlplane is a Kubernetes control plane in one binary: etcd,
// kube-apiserver, kube-scheduler and KWOK, each chosen by the first argument
// (or by the name the binary is called by).
//
// It exists for this repository's tests, demo and benchmarks, which start it
// through hack/lab. It lives in a Go module of its own so that k8s.io/kubernetes
// and etcd's server never enter the daemon's go.mod; nothing may import it.
// One binary rather than four, because the components share most of their
// packages and linking them once is what keeps the build affordable.
package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// components maps a component's name to its entry point. An entry point reads
// os.Args as if it were the component's own binary and returns the exit code.
var components = map[string]func() int{
	"etcd":           runEtcd,
	"kube-apiserver": runAPIServer,
	"kube-scheduler": runScheduler,
	"kwok":           runKWOK,
}

func main() {
	os.Exit(run())
}

// run chooses the component by the name the binary is called by, else by the
// first argument, which it then removes.
func run() int {
	if entry, ok := components[filepath.Base(os.Args[0])]; ok {
		return entry()
	}
	if len(os.Args) > 1 {
		if entry, ok := components[os.Args[1]]; ok {
			os.Args = os.Args[1:]
			return entry()
		}
	}
	names := slices.Sorted(maps.Keys(components))
	fmt.Fprintf(os.Stderr, "usage: controlplane {%s} [flags]\n", strings.Join(names, "|"))
	return 2
}
