package config

import (
	"strings"
	"testing"
	"time"
)

// valid returns a configuration without errors for tests to spoil.
func valid() *Config {
	cfg := Default()
	cfg.ClusterID = "berlin"
	cfg.Mesos.Masters = []string{"http://master1:5050", "https://[::1]:5050/"}
	return cfg
}

func TestValidateAccepts(t *testing.T) {
	tests := map[string]func(*Config){
		"defaults":             func(*Config) {},
		"role hierarchy":       func(c *Config) { c.Mesos.Roles = []string{"k8s/pods", "k8s/batch.night"} },
		"TLS with client CA":   func(c *Config) { c.Server.TLS = ServerTLS{"c", "k", "ca"} },
		"any interface":        func(c *Config) { c.Server.Address = ":8900" },
		"debug on loopback":    func(c *Config) { c.Server.DebugAddress = "localhost:6060" },
		"debug on IPv6":        func(c *Config) { c.Server.DebugAddress = "[::1]:6060" },
		"a year's filter":      func(c *Config) { c.Offers.DeclineRefuse.Duration = 365 * 24 * time.Hour },
		"no minimum for mem":   func(c *Config) { c.Resources.Minimum.Mem = 0 },
		"no rush":              func(c *Config) { c.Bind.Rush = 0 },
		"all candidates":       func(c *Config) { c.Filter.Candidates = 0 },
		"no wait at all":       func(c *Config) { c.Bind.RemainderWait.Duration = 0 },
		"extended with slash":  func(c *Config) { c.Resources.Extended = extended("example.com/fpga", "fpgas", 500) },
		"another maker's GPUs": func(c *Config) { c.Resources.Extended = extended("amd.com/gpu", "gpus", 1000) },
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			cfg := valid()
			change(cfg)
			if errs := cfg.Validate(); len(errs) > 0 {
				t.Errorf("refused: %v", errs.ToAggregate())
			}
		})
	}
}

func extended(name, scalar string, factor Amount) map[string]ExtendedResource {
	return map[string]ExtendedResource{name: {Scalar: scalar, Factor: &factor}}
}

// refusals lists, for every check, a spoiled configuration and the one field
// that must be named.
var refusals = []struct {
	name  string
	spoil func(*Config)
	field string
}{
	{"no apiVersion", func(c *Config) { c.APIVersion = "" }, "apiVersion"},
	{"other kind", func(c *Config) { c.Kind = "Pod" }, "kind"},
	{"no cluster", func(c *Config) { c.ClusterID = "" }, "clusterID"},
	{"cluster with a space", func(c *Config) { c.ClusterID = "my cluster" }, "clusterID"},
	{"no scheduler name", func(c *Config) { c.SchedulerName = "" }, "schedulerName"},
	{"scheduler name in capitals", func(c *Config) { c.SchedulerName = "Mesos" }, "schedulerName"},
	{"foreign pods", func(c *Config) { c.ForeignPods = "Eat" }, "foreignPods"},
	{"no master", func(c *Config) { c.Mesos.Masters = nil }, "mesos.masters"},
	{"master without scheme", func(c *Config) { c.Mesos.Masters = []string{"master:5050"} }, "mesos.masters[0]"},
	{"master in ZooKeeper", func(c *Config) { c.Mesos.Masters = []string{"zk://zk1:2181/mesos"} }, "mesos.masters[0]"},
	{"master without host", func(c *Config) { c.Mesos.Masters = []string{"http://:5050"} }, "mesos.masters[0]"},
	{"master with a path", func(c *Config) { c.Mesos.Masters[1] = "http://m:5050/api/v1" }, "mesos.masters[1]"},
	{"master that is no URL", func(c *Config) { c.Mesos.Masters[0] = "http://m:port" }, "mesos.masters[0]"},
	{"master with a password", func(c *Config) { c.Mesos.Masters[0] = "http://u:hunter2@m:5050" }, "mesos.masters[0]"},
	{"master twice", func(c *Config) { c.Mesos.Masters[1] = c.Mesos.Masters[0] }, "mesos.masters[1]"},
	{"no framework name", func(c *Config) { c.Mesos.Framework.Name = "" }, "mesos.framework.name"},
	{"no framework user", func(c *Config) { c.Mesos.Framework.User = "" }, "mesos.framework.user"},
	{"relative web UI", func(c *Config) { c.Mesos.Framework.WebUIURL = "/ui" }, "mesos.framework.webUIURL"},
	{"failover timeout 0", func(c *Config) { c.Mesos.Framework.FailoverTimeout.Duration = 0 }, "mesos.framework.failoverTimeout"},
	{"no role", func(c *Config) { c.Mesos.Roles = nil }, "mesos.roles"},
	{"role star", func(c *Config) { c.Mesos.Roles = []string{"*"} }, "mesos.roles[0]"},
	{"role twice", func(c *Config) { c.Mesos.Roles = []string{"a", "b", "a"} }, "mesos.roles[2]"},
	{"empty role", func(c *Config) { c.Mesos.Roles = []string{""} }, "mesos.roles[0]"},
	{"role with a space", func(c *Config) { c.Mesos.Roles = []string{"a b"} }, "mesos.roles[0]"},
	{"role begins with a slash", func(c *Config) { c.Mesos.Roles = []string{"/a"} }, "mesos.roles[0]"},
	{"role ends with a slash", func(c *Config) { c.Mesos.Roles = []string{"a/"} }, "mesos.roles[0]"},
	{"role with two slashes", func(c *Config) { c.Mesos.Roles = []string{"a//b"} }, "mesos.roles[0]"},
	{"role with dots", func(c *Config) { c.Mesos.Roles = []string{"a/.."} }, "mesos.roles[0]"},
	{"role with a star inside", func(c *Config) { c.Mesos.Roles = []string{"a/*"} }, "mesos.roles[0]"},
	{"role begins with a dash", func(c *Config) { c.Mesos.Roles = []string{"a/-b"} }, "mesos.roles[0]"},
	{"codec", func(c *Config) { c.Mesos.Codec = "xml" }, "mesos.codec"},
	{"call timeout", func(c *Config) { c.Mesos.CallTimeout.Duration = 0 }, "mesos.callTimeout"},
	{"backoff min", func(c *Config) { c.Mesos.Backoff.Min.Duration = 0 }, "mesos.backoff.min"},
	{"backoff max below min", func(c *Config) { c.Mesos.Backoff.Max.Duration = time.Millisecond }, "mesos.backoff.max"},
	{"missed heartbeats", func(c *Config) { c.Mesos.MissedHeartbeats = 0 }, "mesos.missedHeartbeats"},
	{"lease namespace", func(c *Config) { c.Kubernetes.Lease.Namespace = "a.b" }, "kubernetes.lease.namespace"},
	{"lease name", func(c *Config) { c.Kubernetes.Lease.Name = "" }, "kubernetes.lease.name"},
	{"lease retry period", func(c *Config) { c.Kubernetes.Lease.RetryPeriod.Duration = 0 }, "kubernetes.lease.retryPeriod"},
	{"lease shorter than renewal", func(c *Config) { c.Kubernetes.Lease.LeaseDuration.Duration = 3 * time.Second }, "kubernetes.lease.leaseDuration"},
	{"lease of a broken second", func(c *Config) { c.Kubernetes.Lease.LeaseDuration.Duration = 5500 * time.Millisecond }, "kubernetes.lease.leaseDuration"},
	{"lease below a second", func(c *Config) {
		c.Kubernetes.Lease.LeaseDuration.Duration = 900 * time.Millisecond
		c.Kubernetes.Lease.RenewDeadline.Duration = 800 * time.Millisecond
		c.Kubernetes.Lease.RetryPeriod.Duration = 100 * time.Millisecond
	}, "kubernetes.lease.leaseDuration"},
	{"renewal shorter than jittered retry", func(c *Config) { c.Kubernetes.Lease.RetryPeriod.Duration = 5 * time.Second }, "kubernetes.lease.renewDeadline"},
	{"address without port", func(c *Config) { c.Server.Address = "127.0.0.1" }, "server.address"},
	{"address with a service name", func(c *Config) { c.Server.Address = "127.0.0.1:http" }, "server.address"},
	{"address port too high", func(c *Config) { c.Server.Address = "127.0.0.1:65536" }, "server.address"},
	{"key without certificate", func(c *Config) { c.Server.TLS.KeyFile = "k" }, "server.tls.certFile"},
	{"client CA without certificate", func(c *Config) { c.Server.TLS.ClientCAFile = "ca" }, "server.tls.certFile"},
	{"certificate without key", func(c *Config) { c.Server.TLS.CertFile = "c" }, "server.tls.keyFile"},
	{"no body", func(c *Config) { c.Server.MaxBodyBytes = 0 }, "server.maxBodyBytes"},
	{"body without bound", func(c *Config) { c.Server.MaxBodyBytes = 1<<30 + 1 }, "server.maxBodyBytes"},
	{"debug for everybody", func(c *Config) { c.Server.DebugAddress = ":6060" }, "server.debugAddress"},
	{"debug on a network", func(c *Config) { c.Server.DebugAddress = "10.0.0.1:6060" }, "server.debugAddress"},
	{"debug without port", func(c *Config) { c.Server.DebugAddress = "localhost" }, "server.debugAddress"},
	{"shutdown shorter than a bind", func(c *Config) { c.Server.ShutdownTimeout.Duration = 20 * time.Second }, "server.shutdownTimeout"},
	{"negative idle hold", func(c *Config) { c.Offers.IdleHold.Duration = -1 }, "offers.idleHold"},
	{"negative headroom", func(c *Config) { c.Offers.Headroom.Agents = -1 }, "offers.headroom.agents"},
	{"no decline filter", func(c *Config) { c.Offers.DeclineRefuse.Duration = 0 }, "offers.declineRefuse"},
	{"filter over a year", func(c *Config) { c.Offers.DeclineRefuse.Duration = 366 * 24 * time.Hour }, "offers.declineRefuse"},
	{"no pending filter", func(c *Config) { c.Offers.PendingRefuse.Duration = 0 }, "offers.pendingRefuse"},
	{"lead of maintenance negative", func(c *Config) { c.Offers.MaintenanceLead.Duration = -time.Second }, "offers.maintenanceLead"},
	{"unused shorter than idle", func(c *Config) { c.Offers.MaxHold.Duration = time.Second }, "offers.maxHold"},
	{"no hold at all", func(c *Config) { c.Offers.MaxHold.Duration, c.Offers.IdleHold.Duration = 0, 0 }, "offers.maxHold"},
	{"revive without limit", func(c *Config) { c.Offers.ReviveInterval.Duration = 0 }, "offers.reviveInterval"},
	{"bind shorter than its steps", func(c *Config) { c.Bind.Timeout.Duration = 8 * time.Second }, "bind.timeout"},
	{"no time to confirm", func(c *Config) { c.Bind.ConfirmTimeout.Duration = 0 }, "bind.confirmTimeout"},
	{"negative remainder wait", func(c *Config) { c.Bind.RemainderWait.Duration = -1 }, "bind.remainderWait"},
	{"negative orphan grace", func(c *Config) { c.Release.OrphanGrace.Duration = -1 }, "release.orphanGrace"},
	{"no unbound grace", func(c *Config) { c.Release.UnboundGrace.Duration = 0 }, "release.unboundGrace"},
	{"no wait for an offer to release", func(c *Config) { c.Release.OperatorAfter.Duration = 0 }, "release.operatorAfter"},
	{"no sweep interval", func(c *Config) { c.Release.SweepInterval.Duration = 0 }, "release.sweepInterval"},
	{"negative rush", func(c *Config) { c.Bind.Rush = -1 }, "bind.rush"},
	{"negative candidates", func(c *Config) { c.Filter.Candidates = -1 }, "filter.candidates"},
	{"strategy", func(c *Config) { c.Scoring.Strategy = "Random" }, "scoring.strategy"},
	{"no strategy", func(c *Config) { c.Scoring.Strategy = "" }, "scoring.strategy"},
	{"negative minimum cpus", func(c *Config) { c.Resources.Minimum.CPUs = -1 }, "resources.minimum.cpus"},
	{"negative minimum mem", func(c *Config) { c.Resources.Minimum.Mem = -1 }, "resources.minimum.mem"},
	{"no minimum at all", func(c *Config) { c.Resources.Minimum = Minimum{} }, "resources.minimum"},
	{"extended native", func(c *Config) { c.Resources.Extended = extended("cpu", "x", 1) }, "resources.extended[cpu]"},
	{"extended of kubernetes.io", func(c *Config) { c.Resources.Extended = extended("kubernetes.io/x", "x", 1) }, "resources.extended[kubernetes.io/x]"},
	{"half a GPU", func(c *Config) { c.Resources.Extended = extended("amd.com/gpu", "gpus", 500) }, "resources.extended[amd.com/gpu].factor"},
	{"extended name", func(c *Config) { c.Resources.Extended = extended("a.b/c d", "x", 1) }, "resources.extended[a.b/c d]"},
	{"extended without scalar", func(c *Config) { c.Resources.Extended = extended("a.b/c", "", 1) }, "resources.extended[a.b/c].scalar"},
	{"extended to mem", func(c *Config) { c.Resources.Extended = extended("a.b/c", "mem", 1) }, "resources.extended[a.b/c].scalar"},
	{"extended scalar text", func(c *Config) { c.Resources.Extended = extended("a.b/c", "x:1;y", 1) }, "resources.extended[a.b/c].scalar"},
	{"extended factor", func(c *Config) { c.Resources.Extended = extended("a.b/c", "x", 0) }, "resources.extended[a.b/c].factor"},
	{"no wake interval", func(c *Config) { c.Wake.Interval.Duration = 0 }, "wake.interval"},
}

func TestValidateRefuses(t *testing.T) {
	for _, tt := range refusals {
		t.Run(tt.name, func(t *testing.T) {
			cfg := valid()
			tt.spoil(cfg)
			errs := cfg.Validate()
			if len(errs) != 1 || errs[0].Field != tt.field {
				t.Errorf("errors = %v, want one at %s", errs, tt.field)
			}
		})
	}
}

func TestValidateShowsNoPassword(t *testing.T) {
	cfg := valid()
	cfg.Mesos.Masters = []string{"http://u:hunter2@m:5050"}
	if text := cfg.Validate().ToAggregate().Error(); strings.Contains(text, "hunter2") {
		t.Errorf("the error shows the password: %s", text)
	}
}

func TestValidateListsEveryError(t *testing.T) {
	cfg := &Config{}
	named := map[string]bool{}
	for _, err := range cfg.Validate() {
		named[err.Field] = true
	}
	for _, field := range []string{"apiVersion", "clusterID", "mesos.roles", "server.address", "scoring.strategy", "resources.minimum", "wake.interval"} {
		if !named[field] {
			t.Errorf("%s is not among the errors of an empty configuration: %v", field, named)
		}
	}
}
