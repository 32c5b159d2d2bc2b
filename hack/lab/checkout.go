package lab

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// moduleDir is where the control plane's own Go module sits in the checkout.
const moduleDir = "hack/controlplane"

// errNoCheckout says that the working directory is outside this repository.
var errNoCheckout = errors.New("not inside a checkout of kube-mesos-extender")

// checkoutRoot is the repository's top directory, found by walking up from dir
// until a directory holds the control plane's module.
func checkoutRoot(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	for start := dir; ; {
		if _, err := os.Stat(filepath.Join(dir, moduleDir, "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", fmt.Errorf("look for %s above %s: %w", moduleDir, start, errNoCheckout)
		}
		dir = parent
	}
}

// cacheDir is the checkout's ignored directory for whatever can be made again.
func cacheDir(root string, elements ...string) string {
	return filepath.Join(append([]string{root, ".cache"}, elements...)...)
}
