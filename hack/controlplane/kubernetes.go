package main

import (
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"          // --logging-format=json
	_ "k8s.io/component-base/metrics/prometheus/clientgo" // client-go's request metrics on /metrics
	_ "k8s.io/component-base/metrics/prometheus/version"  // the build's version on /metrics
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
)

// runAPIServer is cmd/kube-apiserver's main.
func runAPIServer() int {
	return cli.Run(apiserver.NewAPIServerCommand())
}

// runScheduler is cmd/kube-scheduler's main: the stock scheduler, no plugin of ours.
func runScheduler() int {
	return cli.Run(scheduler.NewSchedulerCommand())
}
