package lab

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
)

// binaryName is the file name of the multi-call binary inside its cache directory.
const binaryName = "controlplane"

// kubernetesVersion finds the pinned Kubernetes version in the module's go.mod.
var kubernetesVersion = regexp.MustCompile(`(?m)^\s*k8s\.io/kubernetes (v\S+)`)

// Build makes sure that the control plane's binary exists and returns its path.
// The binary is kept under .cache/controlplane/<key>, where the key covers the
// module's files, the Go version and the build flags, so an unchanged module
// costs a few milliseconds. A build from nothing takes minutes and about 2 GB
// of Go build cache; what it is doing is written to progress (nil for silence).
// Processes that build at the same time wait for one another.
func Build(ctx context.Context, progress io.Writer) (string, error) {
	root, err := checkoutRoot(".")
	if err != nil {
		return "", err
	}
	flags, err := buildFlags(filepath.Join(root, moduleDir))
	if err != nil {
		return "", err
	}
	key, err := buildKey(filepath.Join(root, moduleDir), flags)
	if err != nil {
		return "", fmt.Errorf("hash %s: %w", moduleDir, err)
	}
	binary := cacheDir(root, "controlplane", key, binaryName)
	if isFile(binary) {
		return binary, nil
	}
	unlock, err := lockFile(ctx, cacheDir(root, "controlplane", "lock"))
	if err != nil {
		return "", fmt.Errorf("wait for another build of the control plane: %w", err)
	}
	defer unlock()
	if isFile(binary) {
		return binary, nil
	}
	if err := compile(ctx, filepath.Join(root, moduleDir), flags, binary, newReporter(progress)); err != nil {
		return "", fmt.Errorf("build the control plane: %w", err)
	}
	return binary, removeOtherBuilds(cacheDir(root, "controlplane"), key)
}

// buildFlags are the flags of go build. Debug information is left out, which
// saves a good part of the compile time; the versions are stamped because
// Kubernetes' own build does so and clients complain about v0.0.0.
func buildFlags(module string) ([]string, error) {
	goMod, err := os.ReadFile(filepath.Join(module, "go.mod"))
	if err != nil {
		return nil, err
	}
	version := kubernetesVersion.FindSubmatch(goMod)
	if version == nil {
		return nil, errors.New("go.mod of the control plane requires no k8s.io/kubernetes")
	}
	stamp := fmt.Sprintf("-s -w -X k8s.io/component-base/version.gitVersion=%[1]s "+
		"-X k8s.io/client-go/pkg/version.gitVersion=%[1]s", version[1])
	return []string{"-buildvcs=false", "-gcflags=all=-dwarf=false", "-ldflags=" + stamp}, nil
}

// buildKey names a build by everything of ours that shapes it.
func buildKey(module string, flags []string) (string, error) {
	sum := sha256.New()
	fmt.Fprintln(sum, runtime.Version(), runtime.GOOS, runtime.GOARCH, strings.Join(flags, " "))
	err := filepath.WalkDir(module, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() || !shapesBuild(entry.Name()) {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		fmt.Fprintln(sum, strings.TrimPrefix(path, module), len(content))
		_, err = sum.Write(content)
		return err
	})
	return hex.EncodeToString(sum.Sum(nil))[:16], err
}

// shapesBuild tells sources and the module's own files from scripts and notes.
func shapesBuild(name string) bool {
	return filepath.Ext(name) == ".go" || name == "go.mod" || name == "go.sum"
}

// compile runs go build in the module and moves the result to binary, so that
// an interrupted build never leaves half a binary behind.
func compile(ctx context.Context, module string, flags []string, binary string, report *reporter) error {
	if err := os.MkdirAll(filepath.Dir(binary), 0o755); err != nil {
		return err
	}
	report.start()
	defer report.stop()
	packages, err := goOutput(ctx, module, report, "list", "-deps", ".") // fetches the modules as well
	if err != nil {
		return err
	}
	report.expect(bytes.Count(packages, []byte("\n")))
	unfinished := binary + ".unfinished"
	args := append([]string{"build", "-v", "-o", unfinished}, flags...)
	if _, err := goOutput(ctx, module, report, append(args, ".")...); err != nil {
		return err
	}
	return os.Rename(unfinished, binary)
}

// goOutput runs the go command in the module and returns what it prints; what
// it says about its work goes to the reporter.
func goOutput(ctx context.Context, module string, report *reporter, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = module
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
	cmd.Stderr = report
	output, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go %s: %w: %s", args[0], err, report.lastLines())
	}
	return output, nil
}

// removeOtherBuilds drops what earlier versions of the module left in dir: each
// binary is above 100 MB. A running process keeps its own file open.
func removeOtherBuilds(dir, key string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if entry.IsDir() && entry.Name() != key {
			if err := os.RemoveAll(filepath.Join(dir, entry.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}
