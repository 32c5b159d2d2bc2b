package lab

import (
	"context"
	"crypto/x509"
	"path/filepath"
	"strconv"
)

// Components' names, as the binary and the logs know them.
const (
	etcdName      = "etcd"
	apiServerName = "kube-apiserver"
	schedulerName = "kube-scheduler"
	kwokName      = "kwok"
)

func (c *ControlPlane) etcdDir() string { return filepath.Join(c.dir, "etcd") }

// startEtcd starts a single member that never syncs to disk. Its peer port is
// whatever the kernel gives: no peer ever calls.
func (c *ControlPlane) startEtcd(ctx context.Context) error {
	port, err := c.run(ctx, launch{
		component: etcdName,
		args: func(port int) []string {
			client := "http://" + address(port)
			return []string{
				"--name=lab",
				"--data-dir=" + c.etcdDir(),
				"--listen-client-urls=" + client,
				"--advertise-client-urls=" + client,
				"--listen-peer-urls=http://" + address(0),
				"--unsafe-no-fsync",
				"--quota-backend-bytes=" + strconv.Itoa(4<<30),
				"--log-level=warn",
			}
		},
		probe: func(port int) probe {
			return probe{url: "http://" + address(port) + "/health", client: probeClient(nil)}
		},
	})
	if err != nil {
		return err
	}
	c.etcdPort = port
	return nil
}

// StartAPIServer starts the API server after KillAPIServer, on the same port
// and with the same data, and waits until it is ready.
func (c *ControlPlane) StartAPIServer(ctx context.Context) error {
	roots := x509.NewCertPool()
	roots.AddCert(c.creds.authority.certificate)
	port, err := c.run(ctx, launch{
		component: apiServerName,
		port:      c.apiPort,
		args:      func(port int) []string { return append(c.apiServerFlags(port), c.apiArgs...) },
		probe: func(port int) probe {
			url := "https://" + address(port) + "/readyz"
			return probe{url: url, token: c.creds.tokens[adminUser], client: probeClient(roots)}
		},
	})
	if err != nil {
		return err
	}
	if c.apiPort == 0 { // a restart keeps the port, and others may be reading it
		c.apiPort = port
	}
	return nil
}

// KillAPIServer ends the API server as a crash would (SIGKILL).
func (c *ControlPlane) KillAPIServer() {
	c.release(apiServerName).kill()
}

// RestartAPIServer crashes the API server and starts it again on its port.
func (c *ControlPlane) RestartAPIServer(ctx context.Context) error {
	c.KillAPIServer()
	return c.StartAPIServer(ctx)
}

// apiServerFlags leave out what a controller manager would have to complete:
// without one, the ServiceAccount plugin refuses pods (no default account) and
// TaintNodesByCondition leaves new nodes tainted for ever.
func (c *ControlPlane) apiServerFlags(port int) []string {
	return []string{
		"--etcd-servers=http://" + address(c.etcdPort),
		"--bind-address=" + loopback,
		"--advertise-address=" + loopback,
		"--secure-port=" + strconv.Itoa(port),
		"--tls-cert-file=" + c.creds.servingCert,
		"--tls-private-key-file=" + c.creds.servingKey,
		"--client-ca-file=" + c.creds.caFile,
		"--token-auth-file=" + c.creds.tokenFile,
		"--authorization-mode=RBAC",
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=" + c.creds.servicePubFile,
		"--service-account-signing-key-file=" + c.creds.serviceKeyFile,
		"--service-cluster-ip-range=10.96.0.0/16",
		"--endpoint-reconciler-type=none",
		"--disable-admission-plugins=ServiceAccount,TaintNodesByCondition",
		"--allow-privileged",
		"--delete-collection-workers=8",
		"--max-requests-inflight=1000",
		"--max-mutating-requests-inflight=500",
	}
}
