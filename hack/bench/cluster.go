package main

import (
	"context"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/kube-mesos-extender/kube-mesos-extender/hack/harness"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/config"
)

const (
	agentResources = "cpus:8;mem:16384;disk:100000;ports:[31000-32000]"
	// patience bounds what a row waits for; a row that needs longer has failed.
	patience = 5 * time.Minute
	// clockTicks is the unit of CPU times in /proc, USER_HZ, the same on every
	// Linux.
	clockTicks = 100
)

// startCluster starts a control plane, an emulated master with that many agents
// and the daemon; no scheduler.
func startCluster(ctx context.Context, e *environment, name string, agents int, configure func(*config.Config)) (*harness.Harness, error) {
	return harness.Start(ctx, harness.Options{
		Name: "bench-" + name, Progress: e.progress, Bench: true,
		Agents: agents, AgentResources: agentResources, Configure: configure,
	})
}

// cpuSeconds is how much CPU time the processes of this benchmark have used so
// far, by their names.
func cpuSeconds() (map[string]float64, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	used := map[string]float64{}
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		line, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			continue // it has ended meanwhile
		}
		if name, seconds, ok := childTime(string(line), pid); ok {
			if name == "controlplane" {
				name = component(pid)
			}
			used[name] += seconds
		}
	}
	return used, nil
}

// childTime reads a line of /proc/<pid>/stat if it is of this process or of a
// child of it.
func childTime(stat string, pid int) (name string, seconds float64, ok bool) {
	open, end := strings.IndexByte(stat, '('), strings.LastIndexByte(stat, ')')
	if open < 0 || end < open {
		return "", 0, false
	}
	fields := strings.Fields(stat[end+1:])
	if len(fields) < 13 {
		return "", 0, false
	}
	name = stat[open+1 : end]
	if pid == os.Getpid() {
		name = "bench"
	} else if fields[1] != strconv.Itoa(os.Getpid()) {
		return "", 0, false
	}
	user, errUser := strconv.ParseFloat(fields[11], 64)
	system, errSystem := strconv.ParseFloat(fields[12], 64)
	return name, (user + system) / clockTicks, errUser == nil && errSystem == nil
}

// component is which part of the control plane a process of its binary is.
func component(pid int) string {
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	arguments := strings.Split(string(line), "\x00")
	if err != nil || len(arguments) < 2 {
		return "controlplane"
	}
	return arguments[1]
}

// since subtracts an earlier reading.
func since(now, before map[string]float64) map[string]float64 {
	used := map[string]float64{}
	for name, seconds := range now {
		used[name] = math.Round((seconds-before[name])*100) / 100
	}
	return used
}
