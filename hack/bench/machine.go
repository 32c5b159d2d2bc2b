package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strings"
)

// machine is where and of what a run was made: its times mean nothing elsewhere.
type machine struct {
	CPU      string            `json:"cpu"`
	Cores    int               `json:"cores"`
	MemoryGB amount            `json:"memoryGB"`
	OS       string            `json:"os"`
	Go       string            `json:"go"`
	Commit   string            `json:"commit"` // "-dirty" if the checkout differs from it
	Modules  map[string]string `json:"modules"`
}

// stated are the modules whose versions a run depends on.
var stated = []string{
	"k8s.io/client-go", "k8s.io/kube-scheduler", "github.com/mesos/mesos-go", "go.uber.org/zap",
}

func describeMachine(ctx context.Context, root string) machine {
	m := machine{
		CPU: field("/proc/cpuinfo", "model name"), Cores: runtime.NumCPU(),
		OS: runtime.GOOS + "/" + runtime.GOARCH, Go: runtime.Version(),
		Commit: commit(ctx, root), Modules: map[string]string{},
	}
	if kernel, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		m.OS += " " + strings.TrimSpace(string(kernel))
	}
	var kib float64
	if _, err := fmt.Sscan(field("/proc/meminfo", "MemTotal"), &kib); err == nil {
		m.MemoryGB = amount(kib / (1 << 20))
	}
	if info, read := debug.ReadBuildInfo(); read {
		for _, module := range info.Deps {
			for _, path := range stated {
				if module.Path == path {
					m.Modules[path] = module.Version
				}
			}
		}
	}
	return m
}

// field returns the first value of a key in a file of "key : value" lines.
func field(file, key string) string {
	in, err := os.Open(file)
	if err != nil {
		return "unknown"
	}
	defer in.Close() //nolint:errcheck // it was only read
	for lines := bufio.NewScanner(in); lines.Scan(); {
		if name, value, found := strings.Cut(lines.Text(), ":"); found && strings.TrimSpace(name) == key {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

func commit(ctx context.Context, root string) string {
	git := exec.CommandContext(ctx, "git", "-C", root, "describe", "--always", "--dirty", "--abbrev=12")
	out, err := git.Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}

// lines are the head of the table.
func (m machine) lines() []string {
	modules := make([]string, 0, len(stated))
	for _, path := range stated {
		if version := m.Modules[path]; version != "" {
			modules = append(modules, path+" "+version)
		}
	}
	return []string{
		fmt.Sprintf("machine   %s, %d cores, %s GiB, %s", m.CPU, m.Cores, m.MemoryGB, m.OS),
		fmt.Sprintf("versions  %s, %s", m.Go, strings.Join(modules, ", ")),
		"commit    " + m.Commit,
	}
}
