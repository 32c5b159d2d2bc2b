package config

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Default returns a configuration in which only what cannot be guessed is
// missing: clusterID and mesos.masters.
func Default() *Config {
	return &Config{
		APIVersion:    APIVersion,
		Kind:          Kind,
		SchedulerName: "mesos-scheduler",
		ForeignPods:   PassThrough,
		Mesos:         defaultMesos(),
		Kubernetes: Kubernetes{
			Lease: Lease{
				Namespace:     "kube-system",
				Name:          "kube-mesos-extender",
				LeaseDuration: duration(5 * time.Second),
				RenewDeadline: duration(3 * time.Second),
				RetryPeriod:   duration(500 * time.Millisecond),
			},
			LabelNodesWithoutOffers: true,
		},
		Server: Server{
			Address:         "127.0.0.1:8900",
			MaxBodyBytes:    64 << 20,
			ShutdownTimeout: duration(25 * time.Second),
		},
		Offers: Offers{
			IdleHold:        duration(5 * time.Second),
			MaxHold:         duration(10 * time.Second),
			PendingRefuse:   duration(5 * time.Second),
			DeclineRefuse:   duration(time.Hour),
			ReviveInterval:  duration(250 * time.Millisecond),
			MaintenanceLead: duration(time.Hour),
		},
		Bind: Bind{
			Timeout:        duration(20 * time.Second),
			ConfirmTimeout: duration(5 * time.Second),
			RemainderWait:  duration(3 * time.Second),
			Rush:           16,
		},
		Release: Release{
			Linger:        duration(3 * time.Second),
			OrphanGrace:   duration(30 * time.Second),
			UnboundGrace:  duration(time.Minute),
			OperatorAfter: duration(15 * time.Second),
			SweepInterval: duration(time.Minute),
		},
		Filter:  Filter{Candidates: 16, SoleCandidate: true},
		Scoring: Scoring{Strategy: BinPacking},
		Resources: Resources{
			Minimum:  Minimum{CPUs: 10, Mem: 32_000},
			Extended: map[string]ExtendedResource{},
		},
		Wake: Wake{Enabled: true, Interval: duration(100 * time.Millisecond)},
	}
}

func defaultMesos() Mesos {
	return Mesos{
		Masters: []string{},
		Framework: Framework{
			Name:            "kube-mesos-extender",
			User:            "root",
			FailoverTimeout: duration(7 * 24 * time.Hour),
			Checkpoint:      true,
		},
		Roles:       []string{"kubernetes"},
		Codec:       Protobuf,
		CallTimeout: duration(10 * time.Second),
		// Mesos' own advice: resubscribe with backoff, capped at one heartbeat.
		Backoff:          Backoff{Min: duration(500 * time.Millisecond), Max: duration(15 * time.Second)},
		MissedHeartbeats: 5,
	}
}

// complete fills the defaults that depend on what the file has.
func (c *Config) complete() {
	if c.Resources.Extended == nil { // "extended: null"
		c.Resources.Extended = map[string]ExtendedResource{}
	}
	for name, extended := range c.Resources.Extended {
		if extended.Factor == nil {
			one := Amount(1000)
			extended.Factor = &one
			c.Resources.Extended[name] = extended
		}
	}
}

func duration(d time.Duration) metav1.Duration { return metav1.Duration{Duration: d} }
