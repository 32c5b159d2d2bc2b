package lab

import (
	"context"
	_ "embed"
	"os"
	"path/filepath"
)

const (
	// managedKey and managedValue annotate the nodes KWOK takes care of.
	managedKey   = "kwok.x-k8s.io/node"
	managedValue = "fake"
	// podCIDR has room for four million pod addresses.
	podCIDR = "10.64.0.0/10"
)

// CompleteAfter annotates a pod that is to succeed by itself: its value is how
// long the pod runs first, for example "5s".
const CompleteAfter = "lab/complete-after"

// kwokConfig holds KWOK's options and stages.
//
//go:embed kwok.yaml
var kwokConfig []byte

// StartKWOK starts KWOK and waits until it is ready: bound pods of annotated
// nodes then become Running, and pods under deletion go at once, whatever their
// grace period.
func (c *ControlPlane) StartKWOK(ctx context.Context) error {
	path := filepath.Join(c.dir, "kwok.yaml")
	if err := os.WriteFile(path, kwokConfig, 0o600); err != nil {
		return err
	}
	_, err := c.run(ctx, launch{
		component: kwokName,
		args: func(port int) []string {
			return []string{
				"--config=" + path,
				"--kubeconfig=" + c.AdminKubeconfig(),
				"--manage-nodes-with-annotation-selector=" + managedKey + "=" + managedValue,
				"--node-lease-duration-seconds=0",
				"--cidr=" + podCIDR,
				"--server-address=" + address(port),
			}
		},
		probe: func(port int) probe {
			return probe{url: "http://" + address(port) + "/readyz", client: probeClient(nil)}
		},
	})
	return err
}
