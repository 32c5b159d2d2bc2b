package lab

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"sigs.k8s.io/yaml"
)

const (
	// schedulerQPS lifts the scheduler's client limit of 50 requests a second.
	schedulerQPS = 5000
	// extenderTimeout is kube-scheduler's patience with the extender of ExtenderURL.
	extenderTimeout = "30s"
)

// SchedulerOptions configure one kube-scheduler. ConfigYAML is the whole
// KubeSchedulerConfiguration (kubescheduler.config.k8s.io/v1); ExtenderURL is
// the short way for a scheduler with one extender. With neither it is a default
// scheduler.
type SchedulerOptions struct {
	// Name names the process and its log; "kube-scheduler" when empty.
	Name string
	// ConfigYAML is completed where it says nothing: no leader election, client
	// limits of 5,000 requests a second. clientConnection.kubeconfig is always
	// replaced.
	ConfigYAML []byte
	// Kubeconfig is that of the user it runs as; the lab's when empty.
	Kubeconfig string
	// ExtenderURL is the base URL under which the extender serves filter,
	// prioritize, preempt and bind. Ignored with ConfigYAML.
	ExtenderURL string
	// Profile is the schedulerName of the only profile; "default-scheduler" when
	// empty. Ignored with ConfigYAML.
	Profile string
	// Flags come after, and so override, the lab's own flags.
	Flags []string
	// Environment is added to that of this process, each "name=value".
	Environment []string
}

func (o SchedulerOptions) name() string {
	return cmp.Or(o.Name, schedulerName)
}

// StartScheduler starts a stock kube-scheduler and waits until it is ready. Any
// number may run under different names.
func (c *ControlPlane) StartScheduler(ctx context.Context, options SchedulerOptions) error {
	config, err := schedulerConfig(options, cmp.Or(options.Kubeconfig, c.userKubeconfig(schedulerUser)))
	if err != nil {
		return fmt.Errorf("configuration of %s: %w", options.name(), err)
	}
	path := filepath.Join(c.dir, options.name()+".yaml")
	if err := os.WriteFile(path, config, 0o600); err != nil {
		return err
	}
	_, err = c.run(ctx, launch{
		component: schedulerName,
		name:      options.name(),
		env:       options.Environment,
		args: func(port int) []string {
			own := []string{"--config=" + path, "--bind-address=" + loopback, "--secure-port=" + strconv.Itoa(port)}
			return append(own, options.Flags...)
		},
		probe: func(port int) probe {
			return probe{url: "https://" + address(port) + "/readyz", client: probeClient(nil)}
		},
	})
	return err
}

// StopScheduler stops the scheduler of that name ("" for the default name), if
// it runs, and waits for its end.
func (c *ControlPlane) StopScheduler(name string) {
	c.release(SchedulerOptions{Name: name}.name()).stop()
}

// SchedulerDone is closed when the scheduler of that name has ended by itself;
// nil, which is never closed, when none runs.
func (c *ControlPlane) SchedulerDone(name string) <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p := c.running[SchedulerOptions{Name: name}.name()]; p != nil {
		return p.done
	}
	return nil
}

// schedulerConfig completes the configuration as SchedulerOptions says.
func schedulerConfig(options SchedulerOptions, kubeconfig string) ([]byte, error) {
	config := map[string]any{}
	if err := yaml.UnmarshalStrict(options.ConfigYAML, &config); err != nil {
		return nil, err
	}
	if len(options.ConfigYAML) == 0 {
		config["apiVersion"] = "kubescheduler.config.k8s.io/v1"
		config["kind"] = "KubeSchedulerConfiguration"
		if options.ExtenderURL != "" {
			config["extenders"] = []any{extenderConfig(options.ExtenderURL)}
		}
		if options.Profile != "" {
			config["profiles"] = []any{map[string]any{"schedulerName": options.Profile, "percentageOfNodesToScore": 100}}
		}
	}
	connection, err := section(config, "clientConnection")
	if err != nil {
		return nil, err
	}
	connection["kubeconfig"] = kubeconfig
	setDefault(connection, "qps", schedulerQPS)
	setDefault(connection, "burst", schedulerQPS)
	election, err := section(config, "leaderElection")
	if err != nil {
		return nil, err
	}
	setDefault(election, "leaderElect", false)
	return yaml.Marshal(config)
}

// extenderConfig is an extender with all four verbs that knows the nodes itself.
// Its weight is that of manifests/base/scheduler-config.yaml.
func extenderConfig(url string) map[string]any {
	return map[string]any{
		"urlPrefix":        url,
		"filterVerb":       "filter",
		"prioritizeVerb":   "prioritize",
		"preemptVerb":      "preempt",
		"bindVerb":         "bind",
		"weight":           3,
		"nodeCacheCapable": true,
		"httpTimeout":      extenderTimeout,
	}
}

// section is the map under key, made when absent.
func section(config map[string]any, key string) (map[string]any, error) {
	if config[key] == nil {
		config[key] = map[string]any{}
	}
	part, ok := config[key].(map[string]any)
	if !ok {
		return nil, fmt.Errorf("%s is a %T, not a map", key, config[key])
	}
	return part, nil
}

func setDefault(part map[string]any, key string, value any) {
	if _, set := part[key]; !set {
		part[key] = value
	}
}
