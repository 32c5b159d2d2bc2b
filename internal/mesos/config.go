package mesos

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

// Defaults of Config.
const (
	defaultCallTimeout      = 10 * time.Second
	defaultBackoffMin       = 500 * time.Millisecond
	defaultBackoffMax       = 15 * time.Second // Mesos' own cap for schedulers
	defaultMissedHeartbeats = 5
	defaultFailoverTimeout  = 7 * 24 * time.Hour
	defaultHeartbeat        = 15 * time.Second // until SUBSCRIBED tells
)

// Config says which master to subscribe to, and as whom. Zero durations and
// counts mean the default.
type Config struct {
	// Masters are base URLs such as http://host:5050, tried in turn until one
	// of them leads or names the leader.
	Masters   []string
	Framework FrameworkInfo
	// JSON selects JSON instead of protobuf for calls and events.
	JSON bool
	// Credentials for HTTP Basic authentication, nil for none.
	Credentials *Credentials
	// TLS is used for https masters; nil means the system's roots.
	TLS *tls.Config
	// CallTimeout bounds every call but the subscription, which the watchdog
	// watches. Default 10 s.
	CallTimeout time.Duration
	// BackoffMin and BackoffMax bound the wait between attempts to subscribe:
	// a random part of a doubling limit. Default 0.5 s and 15 s.
	BackoffMin, BackoffMax time.Duration
	// MissedHeartbeats is how many heartbeats in a row may be missed before
	// the connection counts as half open and is dropped. Default 5.
	MissedHeartbeats int
	// Dial opens connections; nil means the network.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Jitter picks the wait out of its limit; nil means at random.
	Jitter func(limit time.Duration) time.Duration
}

// FrameworkInfo is what the master gets to know of us. User, Principal and
// Checkpoint cannot change between subscriptions of one framework ID.
type FrameworkInfo struct {
	Name, User, Principal, Hostname, WebUIURL string
	// Roles to subscribe to; at least one, none of them "*" (trap T9).
	Roles []string
	// FailoverTimeout is how long the framework outlives its connection.
	// Default a week: Mesos' own default of zero removes it at once (trap T3).
	FailoverTimeout time.Duration
	Checkpoint      bool
}

// Credentials authenticate to the master. The secret is kept out of every
// textual form so that it cannot end in a log.
type Credentials struct {
	Principal string
	Secret    string `json:"-"`
}

// String leaves the secret out.
func (c Credentials) String() string { return c.Principal + ":(secret)" }

// GoString leaves the secret out.
func (c Credentials) GoString() string { return c.String() }

// complete returns cfg with defaults filled in, or an error that names the
// field which cannot be used.
func (cfg Config) complete() (Config, error) {
	orDefault(&cfg.CallTimeout, defaultCallTimeout)
	orDefault(&cfg.BackoffMin, defaultBackoffMin)
	orDefault(&cfg.BackoffMax, defaultBackoffMax)
	orDefault(&cfg.Framework.FailoverTimeout, defaultFailoverTimeout)
	if cfg.Jitter == nil {
		cfg.Jitter = jitter
	}
	if cfg.MissedHeartbeats <= 0 {
		cfg.MissedHeartbeats = defaultMissedHeartbeats
	}
	if len(cfg.Masters) == 0 {
		return cfg, errors.New("masters: at least one is needed")
	}
	bases := make([]string, len(cfg.Masters))
	for i, master := range cfg.Masters {
		base, err := baseURL(master)
		if err != nil {
			return cfg, fmt.Errorf("masters[%d]: %w", i, err)
		}
		bases[i] = base
	}
	cfg.Masters = bases
	return cfg, checkRoles(cfg.Framework.Roles)
}

func orDefault(d *time.Duration, value time.Duration) {
	if *d <= 0 {
		*d = value
	}
}

func baseURL(master string) (string, error) {
	u, err := url.Parse(master)
	if err != nil {
		return "", fmt.Errorf("not a URL: %w", err)
	}
	if (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.User != nil {
		return "", fmt.Errorf("%q is not of the form http://host:port", u.Redacted())
	}
	return strings.TrimRight(u.Scheme+"://"+u.Host+u.Path, "/"), nil
}

func checkRoles(roles []string) error {
	if len(roles) == 0 {
		return errors.New("framework.roles: at least one is needed")
	}
	for i, role := range roles {
		if role == "" || role == resources.Unreserved {
			return fmt.Errorf("framework.roles[%d]: nothing can be reserved to role %q", i, role)
		}
	}
	return nil
}
