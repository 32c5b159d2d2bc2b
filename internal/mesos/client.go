package mesos

import (
	"context"
	"fmt"
	"sync"

	"github.com/mesos/mesos-go/api/v1/lib/encoding"
	"github.com/mesos/mesos-go/api/v1/lib/httpcli"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"k8s.io/utils/clock"
)

// Client is the framework's connection to its master. Run holds the
// subscription; all other methods may be called at any time from any
// goroutine, and none of them can end the subscription by failing.
type Client struct {
	cfg     Config
	log     *zap.Logger
	clk     clock.Clock
	codec   encoding.Codec
	do      httpcli.DoFunc
	masters *masters
	guard   *guard
	metrics *metrics

	mu sync.Mutex // guards all below
	// generation is that of the last subscription, 0 before the first.
	generation uint64
	// current is the subscription in force, nil while disconnected.
	current *session
}

// session is one subscription: what a call needs to belong to it.
type session struct {
	generation  uint64
	frameworkID string
	streamID    string
	base        string // of the leader
	offers      ledger
	cancel      context.CancelCauseFunc // ends the event stream
}

// New returns a client that is not connected yet. It fails on configuration
// that cannot work, naming the field, and on metrics registered twice.
func New(cfg Config, log *zap.Logger, reg prometheus.Registerer, clk clock.Clock) (*Client, error) {
	return newClient(cfg, log, reg, clk, cfg.Dial)
}

func newClient(cfg Config, log *zap.Logger, reg prometheus.Registerer, clk clock.Clock, dial dialer) (*Client, error) {
	cfg, err := cfg.complete()
	if err != nil {
		return nil, fmt.Errorf("mesos: %w", err)
	}
	m, err := newMetrics(reg)
	if err != nil {
		return nil, err
	}
	return &Client{
		cfg:     cfg,
		log:     log,
		clk:     clk,
		codec:   selectCodec(cfg.JSON),
		do:      newDoer(cfg, dial),
		masters: &masters{list: cfg.Masters},
		guard:   newGuard(cfg.Framework.Principal),
		metrics: m,
	}, nil
}

// enter makes s the subscription in force and gives it its generation.
func (c *Client) enter(s *session) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.generation++
	s.generation = c.generation
	c.current = s
}

// leave ends s. Calls of its generation fail from here on.
func (c *Client) leave(s *session) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.current == s {
		c.current = nil
	}
}

// subscribed returns the subscription in force, if it is of the given
// generation; 0 means any. Otherwise the error wraps ErrDisconnected.
func (c *Client) subscribed(generation uint64) (*session, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.current == nil {
		return nil, ErrDisconnected
	}
	if generation != 0 && generation != c.current.generation {
		return nil, fmt.Errorf("%w: generation %d is over, now %d", ErrDisconnected, generation, c.current.generation)
	}
	return c.current, nil
}
