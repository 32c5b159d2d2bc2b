package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

// runEtcd is etcd's main. It exits the process itself when the server fails.
func runEtcd() int {
	etcdmain.Main(os.Args)
	return 0
}
