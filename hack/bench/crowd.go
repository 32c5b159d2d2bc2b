package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kube-mesos-extender/kube-mesos-extender/hack/bench/kubestub"
	"github.com/kube-mesos-extender/kube-mesos-extender/hack/lab"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/config"
)

const (
	// nodePattern names nodes, and the agents on them.
	nodePattern = "node-%d.example.com"
	// startPatience bounds the start of a crowd.
	startPatience = 3 * time.Minute
	// forever is longer than any benchmark.
	forever = 24 * time.Hour
)

// crowdOptions say what to run beside the daemon.
type crowdOptions struct {
	agents    int
	resources string  // of agents, in turn, separated by |
	churn     float64 // offers per second
}

// crowd is the daemon, an emulated master with many agents that are all on
// offer, and as many nodes.
type crowd struct {
	options crowdOptions
	daemon  child
	url     string // of the daemon
	started time.Duration
	stops   []func()
}

// startCrowd returns when the daemon is ready and holds an offer of every agent.
// It holds them for good: with the shipped settings, an idle cluster gives them
// back after seconds.
func startCrowd(ctx context.Context, p programs, dir string, o crowdOptions) (*crowd, error) {
	c := &crowd{options: o}
	if err := c.start(ctx, p, dir); err != nil {
		c.stop()
		return nil, fmt.Errorf("a cluster of %d agents: %w", o.agents, err)
	}
	return c, nil
}

func (c *crowd) start(ctx context.Context, p programs, dir string) error {
	stub, err := kubestub.Start(c.nodes)
	if err != nil {
		return err
	}
	c.stops = append(c.stops, func() { _ = stub.Close() })
	masterPort, err := lab.FreePort()
	if err != nil {
		return err
	}
	master, err := p.master(masterPort, c.options)
	if err != nil {
		return err
	}
	c.stops = append(c.stops, master.Stop)
	if err := await(ctx, master, "http://"+loopback(masterPort)+"/metrics/snapshot", answers); err != nil {
		return fmt.Errorf("emulated master: %w", err)
	}
	file, err := c.configure(dir, stub.Kubeconfig(), "http://"+loopback(masterPort))
	if err != nil {
		return err
	}
	began := time.Now()
	if c.daemon, err = p.daemon(file); err != nil {
		return err
	}
	c.stops = append(c.stops, c.daemon.Stop)
	if err := await(ctx, c.daemon, c.url+"/readyz", isOK); err != nil {
		return fmt.Errorf("readiness: %w", err)
	}
	c.started = time.Since(began)
	return await(ctx, c.daemon, c.url+"/metrics", c.holdsAll)
}

// configure writes the daemon's configuration: the default, but for addresses and
// for offers that are never given back.
func (c *crowd) configure(dir, kubeconfig, master string) (string, error) {
	port, err := lab.FreePort()
	if err != nil {
		return "", err
	}
	c.url = "http://" + loopback(port)
	debug, err := lab.FreePort()
	if err != nil {
		return "", err
	}
	cfg := config.Default()
	cfg.ClusterID = "bench"
	cfg.Mesos.Masters = []string{master}
	cfg.Kubernetes.Kubeconfig = filepath.Join(dir, "kubeconfig")
	cfg.Server.Address = loopback(port)
	cfg.Server.DebugAddress = loopback(debug) // for profiles of what is measured
	cfg.Offers.IdleHold = metav1.Duration{Duration: forever}
	cfg.Offers.MaxHold = metav1.Duration{Duration: forever}
	content, err := cfg.Print()
	if err != nil {
		return "", err
	}
	file := filepath.Join(dir, "extender.yaml")
	return file, errors.Join(
		os.WriteFile(cfg.Kubernetes.Kubeconfig, []byte(kubeconfig), 0o600),
		os.WriteFile(file, content, 0o600))
}

func (c *crowd) stop() {
	for _, stop := range slices.Backward(c.stops) {
		stop()
	}
}

// nodes yields a node for every agent, of the size of real ones.
func (c *crowd) nodes(yield func(*corev1.Node) bool) {
	for i := range c.options.agents {
		if !yield(node(i)) {
			return
		}
	}
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

func nodeName(i int) string { return strings.ReplaceAll(nodePattern, "%d", strconv.Itoa(i)) }

// await asks a URL until the answer is good, or the process behind it ends.
func await(ctx context.Context, process child, url string, good func(*http.Response) error) error {
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	for {
		err := ask(ctx, url, good)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-process.Done():
			return process.ExitError()
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func ask(ctx context.Context, url string, good func(*http.Response) error) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close() //nolint:errcheck // it has been read
	return good(response)
}

// answers is content with any answer.
func answers(*http.Response) error { return nil }

func isOK(response *http.Response) error {
	if response.StatusCode != http.StatusOK {
		return errors.New(response.Status)
	}
	return nil
}

// holdsAll wants metrics that tell of an offer of every agent. Between a rescind
// and the next offer a few may be missing.
func (c *crowd) holdsAll(response *http.Response) error {
	held, err := metric(response, "mesos_extender_offers_held")
	if err == nil && held < 0.99*float64(c.options.agents) {
		err = fmt.Errorf("%.0f of %d offers held", held, c.options.agents)
	}
	return err
}

// scan reads one metric into value.
func scan(name string, value *float64) func(*http.Response) error {
	return func(response *http.Response) (err error) {
		*value, err = metric(response, name)
		return err
	}
}

// metric reads one metric without labels from a scrape.
func metric(response *http.Response, name string) (float64, error) {
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		if value, found := strings.CutPrefix(lines.Text(), name+" "); found {
			return strconv.ParseFloat(value, 64)
		}
	}
	return 0, fmt.Errorf("there is no metric %s", name)
}
