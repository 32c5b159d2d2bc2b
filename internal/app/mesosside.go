package app

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/config"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/mesos"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

func (a *App) buildMesos() error {
	var err error
	if a.translator, err = resources.NewTranslator(rules(a.cfg.Resources)); err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	master, err := connection(a.cfg.Mesos, a.options)
	if err != nil {
		return err
	}
	a.master, err = mesos.New(master, a.log, a.registry, a.clock)
	return err
}

// connection translates the configuration's mesos section.
func connection(cfg config.Mesos, options Options) (mesos.Config, error) {
	credentials, err := cfg.LoadCredentials()
	if err != nil {
		return mesos.Config{}, err
	}
	trust, err := clientTLS(cfg.TLS)
	if err != nil {
		return mesos.Config{}, err
	}
	principal, err := principal(cfg)
	if err != nil {
		return mesos.Config{}, err
	}
	out := mesos.Config{
		Masters: cfg.Masters, JSON: cfg.Codec == config.JSON, TLS: trust,
		CallTimeout: cfg.CallTimeout.Duration,
		BackoffMin:  cfg.Backoff.Min.Duration, BackoffMax: cfg.Backoff.Max.Duration,
		MissedHeartbeats: cfg.MissedHeartbeats,
		Dial:             options.Dial, Jitter: options.Jitter,
		Framework: mesos.FrameworkInfo{
			Name: cfg.Framework.Name, User: cfg.Framework.User, Principal: principal,
			Hostname: cfg.Framework.Hostname, WebUIURL: cfg.Framework.WebUIURL, Roles: cfg.Roles,
			FailoverTimeout: cfg.Framework.FailoverTimeout.Duration, Checkpoint: cfg.Framework.Checkpoint,
		},
	}
	if credentials != nil {
		out.Credentials = &mesos.Credentials{Principal: credentials.Principal, Secret: credentials.Secret}
	}
	return out, nil
}

func (a *App) principal() (string, error) { return principal(a.cfg.Mesos) }

// principal is the configured one, else that of the credentials.
func principal(cfg config.Mesos) (string, error) {
	if cfg.Framework.Principal != "" {
		return cfg.Framework.Principal, nil
	}
	credentials, err := cfg.LoadCredentials()
	if err != nil || credentials == nil {
		return "", err
	}
	return credentials.Principal, nil
}

// clientTLS trusts the configured CA, or the system's roots.
func clientTLS(cfg config.ClientTLS) (*tls.Config, error) {
	if cfg.CAFile == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(cfg.CAFile)
	if err != nil {
		return nil, fmt.Errorf("mesos.tls.caFile: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("mesos.tls.caFile: %s holds no PEM certificate", cfg.CAFile)
	}
	return &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, nil
}
