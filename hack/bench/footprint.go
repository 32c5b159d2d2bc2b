package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

const (
	// distinct are agents of several sizes, partly used: no more alike than those
	// of a real cluster.
	distinct = "cpus:16;mem:65536;disk:200000;ports:[31000-32000]|" +
		"cpus:11.5;mem:40960;disk:180000;ports:[31000-31210,31214-32000]|" +
		"cpus:3.25;mem:9216;disk:120500;ports:[31004-31090,31092-31400,31403-32000]"
	// footprintTime spans one comparison with the master's list of agents, which
	// the daemon makes once a minute.
	footprintTime = 65 * time.Second
	churnRate     = 1000 // offers per second
	// userHz is the unit of CPU times in /proc, the same on every Linux.
	userHz = 100
)

// holding measures the daemon's memory while it holds offers of many agents that
// stand for as many nodes.
func holding(agents int) func(context.Context, *environment) (result, error) {
	return func(ctx context.Context, e *environment) (result, error) {
		c, err := startFootprint(ctx, e, "memory", crowdOptions{agents: agents, resources: distinct})
		if err != nil {
			return result{}, err
		}
		defer c.stop()
		e.logf("ready after %s; settling", c.started.Round(10*time.Millisecond))
		samples, err := sample(ctx, footprintTime, func() (float64, error) { return status(c.daemon.PID(), "VmRSS") })
		if err != nil {
			return result{}, err
		}
		peak, err := status(c.daemon.PID(), "VmHWM")
		r := alone(median(samples))
		r.details.add("highest of the minute, MiB", percentile(samples, 1))
		r.details.add("peak since start, MiB", peak)
		r.details.add("start until ready, s", c.started.Seconds())
		return r, err
	}
}

// churning measures the daemon's CPU time while offers come and go.
func churning(agents int, rate float64) func(context.Context, *environment) (result, error) {
	return func(ctx context.Context, e *environment) (result, error) {
		c, err := startFootprint(ctx, e, "steady", crowdOptions{agents: agents, resources: distinct, churn: rate})
		if err != nil {
			return result{}, err
		}
		defer c.stop()
		return c.load(ctx, footprintTime)
	}
}

func startFootprint(ctx context.Context, e *environment, name string, o crowdOptions) (*crowd, error) {
	p, err := build(ctx, e, name)
	if err != nil {
		return nil, err
	}
	return startCrowd(ctx, p, e.cache(name), o)
}

// load measures the daemon's cores for a time, and how many offers came.
func (c *crowd) load(ctx context.Context, d time.Duration) (result, error) {
	rescinds := func() (n float64, err error) {
		err = ask(ctx, c.url+"/metrics", scan("mesos_extender_rescinds_total", &n))
		return n, err
	}
	came, err := rescinds()
	if err != nil {
		return result{}, err
	}
	before, err := cpuTime(c.daemon.PID())
	if err != nil {
		return result{}, err
	}
	began := time.Now()
	samples, err := sample(ctx, d, func() (float64, error) { return cpuTime(c.daemon.PID()) })
	if err != nil {
		return result{}, err
	}
	took := time.Since(began).Seconds()
	now, err := rescinds()
	r := alone((samples[len(samples)-1] - before) / took)
	r.details.add("offers per second", (now-came)/took)
	r.details.add("seconds", took)
	return r, err
}

// sample reads a value every second for a time.
func sample(ctx context.Context, d time.Duration, read func() (float64, error)) ([]float64, error) {
	var samples []float64
	for end := time.Now().Add(d); time.Now().Before(end) || len(samples) == 0; {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(min(time.Second, time.Until(end))):
		}
		value, err := read()
		if err != nil {
			return nil, err
		}
		samples = append(samples, value)
	}
	return samples, nil
}

// status reads an amount of memory of a process, in MiB.
func status(pid int, name string) (float64, error) {
	text := field(fmt.Sprintf("/proc/%d/status", pid), name)
	kib, err := strconv.ParseFloat(strings.TrimSuffix(text, " kB"), 64)
	if err != nil {
		return 0, fmt.Errorf("%s of process %d: %q", name, pid, text)
	}
	return kib / 1024, nil
}

// cpuTime is the user and system time that a process has used, in seconds.
func cpuTime(pid int) (float64, error) {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	return parseCPUTime(string(content))
}

// parseCPUTime reads the fields utime and stime of /proc/<pid>/stat (proc(5)). The
// second field is a name, which may hold anything.
func parseCPUTime(stat string) (float64, error) {
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	var ticks float64
	for _, i := range []int{11, 12} {
		if len(fields) <= i {
			return 0, fmt.Errorf("no times in %q", stat)
		}
		n, err := strconv.ParseFloat(fields[i], 64)
		if err != nil {
			return 0, fmt.Errorf("no times in %q", stat)
		}
		ticks += n
	}
	return ticks / userHz, nil
}
