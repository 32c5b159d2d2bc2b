package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/rest"
)

// Options say what Start starts beside etcd and kube-apiserver.
type Options struct {
	// Name names the directory .cache/run/<name>; two control planes that run
	// at the same time need different names.
	Name string
	// Progress takes the lines of a build that is needed first; nil drops them.
	Progress io.Writer
	// KWOK makes nodes that carry its annotation run pods (see CreateNodes).
	KWOK bool
	// Scheduler starts one kube-scheduler; more can follow by StartScheduler.
	Scheduler *SchedulerOptions
	// APIServerFlags come after, and so override, the lab's own flags.
	APIServerFlags []string
}

// ControlPlane is a running control plane. Its methods may be called by several
// goroutines at once, but Stop only after the others returned.
type ControlPlane struct {
	dir     string // .cache/run/<name>, absolute
	binary  string
	creds   *credentials
	apiArgs []string

	etcdPort int
	apiPort  int // stays the same across restarts

	mu      sync.Mutex          // guards all below
	unlock  func()              // gives the directory's name back; nil once stopped
	running map[string]*process // by name; nil while it starts
}

// Start builds the control plane where needed, starts it from an empty cluster
// and returns when everything asked for is ready. The context bounds the start
// only; the control plane runs until Stop or until this process ends. An error
// leaves nothing running and names the log of the component that failed.
func Start(ctx context.Context, options Options) (*ControlPlane, error) {
	binary, err := Build(ctx, options.Progress)
	if err != nil {
		return nil, err
	}
	c, err := prepare(binary, options)
	if err != nil {
		return nil, fmt.Errorf("prepare lab %q: %w", options.Name, err)
	}
	if err := c.start(ctx, options); err != nil {
		c.Stop()
		return nil, fmt.Errorf("start lab %q: %w", options.Name, err)
	}
	return c, nil
}

// prepare claims an empty run directory and fills it with keys.
func prepare(binary string, options Options) (*ControlPlane, error) {
	if options.Name == "" || filepath.Base(options.Name) != options.Name {
		return nil, errors.New("a lab's name must be one path element")
	}
	root, err := checkoutRoot(".")
	if err != nil {
		return nil, err
	}
	dir := cacheDir(root, "run", options.Name)
	unlock, err := tryLockFile(dir + ".lock")
	if err != nil {
		return nil, fmt.Errorf("claim %s: %w", dir, err)
	}
	c := &ControlPlane{
		dir: dir, binary: binary, apiArgs: options.APIServerFlags,
		unlock: unlock, running: map[string]*process{},
	}
	if err = os.RemoveAll(dir); err == nil {
		c.creds, err = newCredentials(filepath.Join(dir, "keys"))
	}
	if err != nil {
		unlock()
		return nil, err
	}
	return c, nil
}

func (c *ControlPlane) start(ctx context.Context, options Options) error {
	if err := c.startEtcd(ctx); err != nil {
		return err
	}
	if err := c.StartAPIServer(ctx); err != nil {
		return err
	}
	for _, user := range []string{adminUser, schedulerUser} {
		if err := c.writeKubeconfig(c.userKubeconfig(user), user, c.creds.tokens[user]); err != nil {
			return err
		}
	}
	group, ctx := errgroup.WithContext(ctx)
	if options.KWOK {
		group.Go(func() error { return c.StartKWOK(ctx) })
	}
	if options.Scheduler != nil {
		group.Go(func() error { return c.StartScheduler(ctx, *options.Scheduler) })
	}
	return group.Wait()
}

// Stop ends every component, clients of the API server first, and waits for
// them. Logs and kubeconfigs stay in Dir until the next Start under this name.
// Calling it again does nothing; it must not run while a component starts.
func (c *ControlPlane) Stop() {
	apiServer, etcd := c.release(apiServerName), c.release(etcdName)
	c.mu.Lock()
	defer c.mu.Unlock()
	var clients sync.WaitGroup
	for _, client := range c.running {
		clients.Go(client.stop)
	}
	clients.Wait()
	clear(c.running)
	apiServer.stop()
	etcd.stop()
	if c.unlock != nil {
		_ = os.RemoveAll(c.etcdDir()) // the next Start removes what is left
		c.unlock()
		c.unlock = nil
	}
}

// Dir holds the control plane's logs (<component>.log) and kubeconfigs.
func (c *ControlPlane) Dir() string { return c.dir }

// URL is the API server's address.
func (c *ControlPlane) URL() string { return "https://" + address(c.apiPort) }

// AdminKubeconfig is the path of a kubeconfig that may do everything.
func (c *ControlPlane) AdminKubeconfig() string { return c.userKubeconfig(adminUser) }

// RESTConfig is the administrator's client configuration for typed clients,
// without a rate limit and speaking protobuf.
func (c *ControlPlane) RESTConfig() *rest.Config {
	return &rest.Config{
		Host:            c.URL(),
		BearerToken:     c.creds.tokens[adminUser],
		TLSClientConfig: rest.TLSClientConfig{CAData: c.creds.authority.CertificatePEM()},
		QPS:             -1,
		ContentConfig: rest.ContentConfig{
			ContentType:        "application/vnd.kubernetes.protobuf",
			AcceptContentTypes: "application/vnd.kubernetes.protobuf,application/json",
		},
	}
}
