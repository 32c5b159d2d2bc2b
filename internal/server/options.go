package server

import (
	"time"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/filter"
)

// Options are the settings of a Server.
type Options struct {
	Address      string // host:port
	DebugAddress string // host:port of pprof, loopback; empty: off
	TLS          TLS
	// MaxBodyBytes bounds a request's body.
	MaxBodyBytes int64
	// ShutdownTimeout is how long requests in flight may take once Run's
	// context has ended.
	ShutdownTimeout time.Duration
	Strategy        filter.Strategy
	// Candidates is how many of the nodes that fit filter names at most; 0: all.
	Candidates int
	// SoleCandidate is whether it names only the best to a pod about which
	// kube-scheduler's own scores have little to say.
	SoleCandidate bool
}

// TLS names PEM files. Without a certificate the server speaks plain HTTP.
type TLS struct {
	CertFile string
	KeyFile  string
	// ClientCAFile, if set, closes the verbs to callers without a certificate
	// of this CA. Health and metrics stay open: kubelet's probes cannot
	// present one.
	ClientCAFile string
}
