package harness

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
)

// Extender runs the daemon's program with a subcommand and the configuration
// of the first replica, and returns what it prints. It needs no running daemon.
func (h *Harness) Extender(ctx context.Context, args ...string) ([]byte, error) {
	r := h.replicas[0]
	cmd := exec.CommandContext(ctx, r.binary, append(args, "--config="+r.configFile())...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	output, err := cmd.Output()
	if err != nil {
		return output, fmt.Errorf("extender %v: %w: %s", args, err, stderr.Bytes())
	}
	return output, nil
}
