package harness

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/kube-mesos-extender/kube-mesos-extender/hack/lab"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/config"
)

// readyTimeout bounds one question about readiness.
const readyTimeout = 2 * time.Second

// replica is one process of the daemon. It keeps its port over restarts.
type replica struct {
	name    string
	binary  string
	dir     string
	env     []string
	port    int
	debug   bool // have debug logs
	http    *http.Client
	process atomic.Pointer[lab.Process] // the latest; nil before the first
}

func address(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// startDaemon writes the replicas' configuration, starts them and waits until
// one of them is ready.
func (h *Harness) startDaemon(ctx context.Context) error {
	kubeconfig, err := h.lab.ServiceAccountKubeconfig(ctx, accountNamespace, extenderAccount)
	if err != nil {
		return err
	}
	for i := range h.options.Replicas {
		port, err := lab.FreePort()
		if err != nil {
			return err
		}
		r := &replica{
			name: "extender-" + strconv.Itoa(i), binary: h.binaries.extender, dir: h.lab.Dir(),
			env: h.manifests.environment[extenderAccount], port: port, debug: !h.options.Bench,
			http: &http.Client{Timeout: readyTimeout, Transport: &http.Transport{DisableKeepAlives: true}},
		}
		h.replicas = append(h.replicas, r)
		if err := h.writeConfig(r, kubeconfig); err != nil {
			return err
		}
		if err := r.start(); err != nil {
			return err
		}
	}
	if !h.options.Bench { // which reaches the first replica itself, and wants no probes beside
		if h.service, err = newService(h.replicas); err != nil {
			return err
		}
	}
	return h.AwaitReady(ctx)
}

// writeConfig adapts the shipped configuration to loopback.
func (h *Harness) writeConfig(r *replica, kubeconfig string) error {
	cfg, err := config.Parse("shipped ConfigMap", h.manifests.extender)
	if err != nil {
		return err
	}
	cfg.ClusterID = Cluster
	cfg.Mesos.Masters = []string{h.MasterURL()}
	cfg.Mesos.CredentialsFile = ""
	cfg.Kubernetes.Kubeconfig = kubeconfig
	cfg.Server.Address = address(r.port)
	cfg.Server.TLS = config.ServerTLS{}
	if h.options.Configure != nil {
		h.options.Configure(cfg)
	}
	content, err := cfg.Print()
	if err != nil {
		return err
	}
	return os.WriteFile(r.configFile(), content, 0o600)
}

func (r *replica) configFile() string { return filepath.Join(r.dir, r.name+".yaml") }

func (r *replica) start() error {
	args := []string{"--config=" + r.configFile()}
	if r.debug {
		args = append(args, "--log-level=debug")
	}
	process, err := lab.StartProcess(r.name, filepath.Join(r.dir, r.name+".log"), r.env, r.binary, args...)
	if err == nil {
		r.process.Store(process)
	}
	return err
}

func (r *replica) stop() {
	if process := r.process.Load(); process != nil {
		process.Stop()
	}
}

// ready returns nil if the replica says that it is ready, or what it says.
func (r *replica) ready(ctx context.Context) error {
	process := r.process.Load()
	select {
	case <-process.Done():
		return process.ExitError()
	default:
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address(r.port)+"/readyz", http.NoBody)
	if err != nil {
		return err
	}
	response, err := r.http.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close() //nolint:errcheck // it has been read
	text, err := io.ReadAll(io.LimitReader(response.Body, 1<<10))
	if err != nil || response.StatusCode == http.StatusOK {
		return err
	}
	return fmt.Errorf("%s: %s: %s", r.name, response.Status, strings.TrimSpace(string(text)))
}

// AwaitReady waits until a replica is ready, which is the leader.
func (h *Harness) AwaitReady(ctx context.Context) error {
	return Await(ctx, startTimeout, "a ready replica of the daemon", func(ctx context.Context) error {
		_, err := h.Leader(ctx)
		return err
	})
}

// Leader is the index of the ready replica.
func (h *Harness) Leader(ctx context.Context) (int, error) {
	var problems []error
	for i, r := range h.replicas {
		err := r.ready(ctx)
		if err == nil {
			return i, nil
		}
		problems = append(problems, err)
	}
	return 0, errors.Join(problems...)
}

// KillDaemon ends a replica as SIGKILL does.
func (h *Harness) KillDaemon(i int) { h.replicas[i].process.Load().Kill() }

// StopDaemon asks a replica to end and waits for it.
func (h *Harness) StopDaemon(i int) { h.replicas[i].stop() }

// DaemonDone is closed when the replica's present process has ended.
func (h *Harness) DaemonDone(i int) <-chan struct{} { return h.replicas[i].process.Load().Done() }

// DaemonExit describes the end of a replica that was not asked to end. Call it
// after DaemonDone is closed.
func (h *Harness) DaemonExit(i int) error { return h.replicas[i].process.Load().ExitError() }

// StartDaemon starts a replica again.
func (h *Harness) StartDaemon(i int) error { return h.replicas[i].start() }

// ExtenderURL is the base URL under which the scheduler reaches the replica
// that is ready, as through a Kubernetes Service. In a benchmark it is that of
// the first replica.
func (h *Harness) ExtenderURL() string {
	if h.options.Bench {
		return h.DaemonURL(0)
	}
	return "http://" + h.service.address()
}

// DaemonURL is the base URL of a replica.
func (h *Harness) DaemonURL(i int) string { return "http://" + address(h.replicas[i].port) }
