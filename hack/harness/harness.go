package harness

import (
	"context"
	"fmt"
	"time"

	"k8s.io/client-go/kubernetes"

	"github.com/kube-mesos-extender/kube-mesos-extender/hack/harness/masterapi"
	"github.com/kube-mesos-extender/kube-mesos-extender/hack/lab"
)

// startTimeout bounds the start of any one part on a busy machine.
const startTimeout = time.Minute

// Harness is the running system. Methods that start or end a part must not run
// at the same time as others for the same part.
type Harness struct {
	Client kubernetes.Interface // may do everything
	Mesos  *masterapi.Client    // the master's truth

	options   Options
	binaries  binaries
	manifests *manifests
	lab       *lab.ControlPlane
	master    *master
	nodes     map[string]string // agent ID → node name
	replicas  []*replica
	service   *service
}

// Start builds what is missing and starts everything; it returns when a replica
// of the daemon is ready and the scheduler runs. The context bounds the start
// only. An error leaves nothing running.
func Start(ctx context.Context, options Options) (*Harness, error) {
	h := &Harness{options: options.withDefaults()}
	type step struct {
		name string
		run  func(context.Context) error
	}
	steps := []step{
		{"read the manifests", h.readManifests},
		{"build the daemon and the emulated master", h.build},
		{"start the control plane", h.startControlPlane},
		{"start Mesos", h.startMesos},
		{"create nodes from agents", h.createNodes},
		{"apply RBAC", h.applyRBAC},
		{"start the daemon", h.startDaemon},
	}
	if !h.options.Bench {
		steps = append(steps, step{"start kube-scheduler", h.startScheduler})
	}
	for _, step := range steps {
		began := time.Now()
		if err := step.run(ctx); err != nil {
			h.Stop()
			return nil, fmt.Errorf("%s: %w", step.name, err)
		}
		h.progress("%s: done in %s", step.name, time.Since(began).Round(100*time.Millisecond))
	}
	return h, nil
}

func (h *Harness) progress(format string, args ...any) {
	_, _ = fmt.Fprintf(h.options.Progress, format+"\n", args...) // progress is a courtesy
}

func (h *Harness) readManifests(context.Context) (err error) {
	h.manifests, err = shippedManifests()
	return err
}

func (h *Harness) build(ctx context.Context) (err error) {
	h.binaries, err = build(ctx, h.options.Race, h.options.Progress)
	return err
}

func (h *Harness) startControlPlane(ctx context.Context) (err error) {
	h.lab, err = lab.Start(ctx, lab.Options{Name: h.options.Name, Progress: h.options.Progress, KWOK: !h.options.Bench})
	if err != nil {
		return err
	}
	h.Client, err = kubernetes.NewForConfig(h.lab.RESTConfig())
	return err
}

func (h *Harness) startMesos(ctx context.Context) error {
	url := h.options.MasterURL
	if url == "" {
		var err error
		if h.master, err = h.newMaster(); err != nil {
			return err
		}
		if err := h.master.start(ctx); err != nil {
			return err
		}
		url = h.master.url()
	}
	h.Mesos = masterapi.New(url)
	return h.awaitMaster(ctx)
}

// awaitMaster waits until the master answers.
func (h *Harness) awaitMaster(ctx context.Context) error {
	return Await(ctx, startTimeout, "the master's answer", func(ctx context.Context) error {
		_, err := h.Mesos.Agents(ctx)
		return err
	})
}

func (h *Harness) applyRBAC(ctx context.Context) error { return h.manifests.apply(ctx, h.Client) }

func (h *Harness) startScheduler(ctx context.Context) error {
	return h.RunScheduler(ctx, func(map[string]any) {})
}

// RunScheduler starts kube-scheduler with the shipped configuration, changed by
// the caller.
func (h *Harness) RunScheduler(ctx context.Context, change func(config map[string]any)) error {
	config, err := h.manifests.scheduler(h.ExtenderURL(), h.options.WholeNodes, change)
	if err != nil {
		return err
	}
	kubeconfig, err := h.lab.ServiceAccountKubeconfig(ctx, accountNamespace, schedulerAccount)
	if err != nil {
		return err
	}
	return h.lab.StartScheduler(ctx, lab.SchedulerOptions{
		ConfigYAML: config, Kubeconfig: kubeconfig, Environment: h.manifests.environment[schedulerAccount],
	})
}

// SchedulerDone is closed when kube-scheduler has ended, which it does when it
// cannot renew its Lease; nil while none was started.
func (h *Harness) SchedulerDone() <-chan struct{} { return h.lab.SchedulerDone("") }

// StopScheduler ends kube-scheduler.
func (h *Harness) StopScheduler() { h.lab.StopScheduler("") }

// RestartScheduler starts kube-scheduler again after it has ended.
func (h *Harness) RestartScheduler(ctx context.Context) error {
	h.lab.StopScheduler("")
	return h.startScheduler(ctx)
}

// Stop ends everything in order and waits for it. Logs stay until the next
// start under the same name. A real master is left alone.
func (h *Harness) Stop() {
	if h.lab != nil {
		h.lab.StopScheduler("")
	}
	if h.service != nil {
		h.service.stop()
	}
	for _, r := range h.replicas {
		r.stop()
	}
	if h.master != nil {
		h.master.stop()
	}
	if h.lab != nil {
		h.lab.Stop()
	}
}

// Dir holds the logs and configuration files.
func (h *Harness) Dir() string { return h.lab.Dir() }

// Kubeconfig is the path of a kubeconfig that may do everything.
func (h *Harness) Kubeconfig() string { return h.lab.AdminKubeconfig() }

// ControlPlane is the Kubernetes side.
func (h *Harness) ControlPlane() *lab.ControlPlane { return h.lab }
