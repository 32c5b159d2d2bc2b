package kube

import (
	"fmt"

	"github.com/go-logr/logr"
	"github.com/go-logr/zapr"
	"go.uber.org/zap"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/logkeys"
)

// userAgent names the extender in the kube-apiserver's audit log.
const userAgent = "kube-mesos-extender"

// Connect makes a client from a kubeconfig file, or from the pod's service
// account when path is empty. It does not call the kube-apiserver.
//
// client-go's own limit of 5 requests a second is off: it would cap the number
// of binds, and the kube-apiserver's priority and fairness limits us anyway.
func Connect(path string, log *zap.Logger) (kubernetes.Interface, *rest.Config, error) {
	cfg, err := configuration(path)
	if err != nil {
		return nil, nil, fmt.Errorf("kubernetes client configuration: %w", err)
	}
	tune(cfg)
	client, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		return nil, nil, fmt.Errorf("kubernetes client: %w", err)
	}
	log.Info("using kube-apiserver", zap.String(logkeys.Address, cfg.Host))
	return client, cfg, nil
}

func configuration(path string) (*rest.Config, error) {
	if path == "" {
		return rest.InClusterConfig()
	}
	return clientcmd.BuildConfigFromFlags("", path)
}

// tune sets what the extender needs whatever the kubeconfig says.
func tune(cfg *rest.Config) {
	cfg.QPS, cfg.Burst = -1, 0
	cfg.UserAgent = userAgent
	cfg.AcceptContentTypes = runtime.ContentTypeProtobuf + "," + runtime.ContentTypeJSON
	cfg.ContentType = runtime.ContentTypeProtobuf
}

// BridgeKlog sends what klog and client-go log to log. It sets klog's global
// logger, so it is called once, before anything of client-go runs.
func BridgeKlog(log *zap.Logger) {
	klog.SetLoggerWithOptions(bridge(log), klog.ContextualLogger(true))
}

// bridge makes the logr.Logger that client-go is given.
func bridge(log *zap.Logger) logr.Logger {
	return zapr.NewLogger(log.With(zap.String(logkeys.Component, "client-go")))
}
