package lab

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"time"
)

const (
	// readyTimeout bounds one component's start on a busy machine.
	readyTimeout = 2 * time.Minute
	// readyPoll is how often a starting component is asked whether it is ready.
	readyPoll = 50 * time.Millisecond
	// probeTimeout bounds one such question.
	probeTimeout = 2 * time.Second
	// portAttempts is how often a start is tried when its ports are taken.
	portAttempts = 3
)

// errRunning says that a component was started twice, errStopped that its
// control plane has been stopped.
var (
	errRunning = errors.New("already running")
	errStopped = errors.New("control plane stopped")
)

// launch describes the start of one component.
type launch struct {
	component string // the binary's first argument
	name      string // names the log; the component's name when empty
	env       []string
	port      int // the port to listen on; 0 picks a free one
	args      func(port int) []string
	probe     func(port int) probe
}

// probe asks one component whether it is ready.
type probe struct {
	url    string
	token  string // bearer token, if any
	client *http.Client
}

// probeClient trusts roots alone, or any certificate when roots is nil (for
// components that sign their own at start). Every question opens its own
// connection, so that nothing lingers of a server killed meanwhile.
func probeClient(roots *x509.CertPool) *http.Client {
	return &http.Client{Timeout: probeTimeout, Transport: &http.Transport{
		DisableKeepAlives: true,
		TLSClientConfig: &tls.Config{
			RootCAs:            roots,
			InsecureSkipVerify: roots == nil,
		},
	}}
}

// run starts the component under its name, waits until it is ready and returns
// the port it listens on.
func (c *ControlPlane) run(ctx context.Context, l launch) (int, error) {
	if l.name == "" {
		l.name = l.component
	}
	if err := c.claim(l.name); err != nil {
		return 0, err
	}
	p, port, err := c.startReady(ctx, l)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		delete(c.running, l.name)
		return 0, err
	}
	c.running[l.name] = p
	return port, nil
}

// claim keeps a name for a component that is about to start, so that no lock is
// held while it does.
func (c *ControlPlane) claim(name string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.unlock == nil {
		return fmt.Errorf("start %s: %w", name, errStopped)
	}
	if _, taken := c.running[name]; taken {
		return fmt.Errorf("start %s: %w", name, errRunning)
	}
	c.running[name] = nil
	return nil
}

// release gives a component's name back and returns its process, or nil when
// there is none.
func (c *ControlPlane) release(name string) *process {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.running[name]
	if p != nil {
		delete(c.running, name)
	}
	return p
}

// startReady replaces a port that was lost to another process.
func (c *ControlPlane) startReady(ctx context.Context, l launch) (*process, int, error) {
	for attempt := 1; ; attempt++ {
		port, err := portOr(l.port)
		if err != nil {
			return nil, 0, err
		}
		args := append([]string{l.component}, l.args(port)...)
		p, err := startProcess(l.name, filepath.Join(c.dir, l.name+".log"), l.env, c.binary, args...)
		if err != nil {
			return nil, 0, err
		}
		err = awaitReady(ctx, p, l.probe(port))
		if err == nil {
			return p, port, nil
		}
		p.kill()
		if !errors.Is(err, errPortTaken) || l.port != 0 || attempt == portAttempts {
			return nil, 0, err
		}
	}
}

// awaitReady returns nil once the probe is answered with 200, and an error when
// the process ends, the context ends or readyTimeout passes first.
func awaitReady(ctx context.Context, p *process, ask probe) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	ticker := time.NewTicker(readyPoll)
	defer ticker.Stop()
	last := errors.New("never asked")
	for {
		select {
		case <-p.done:
			return p.exitError()
		case <-ctx.Done():
			return fmt.Errorf("%s not ready: %w (last answer: %w); log %s ends:\n%s",
				p.name, ctx.Err(), last, p.logPath, p.logTail())
		case <-ticker.C:
			if last = ask.do(ctx); last == nil {
				return nil
			}
		}
	}
}

func (p probe) do(ctx context.Context) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url, http.NoBody)
	if err != nil {
		return err
	}
	if p.token != "" {
		request.Header.Set("Authorization", "Bearer "+p.token)
	}
	response, err := p.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close() //nolint:errcheck // the status is all that matters
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", p.url, response.Status)
	}
	return nil
}
