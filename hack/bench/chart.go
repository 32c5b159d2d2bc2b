package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"time"
)

// chartLoad is how long the daemon's CPU time is measured for one point.
const chartLoad = 10 * time.Second

// chart measures cost against size and draws docs/performance.svg.
func chart(ctx context.Context, e *environment) error {
	p, err := build(ctx, e, "chart")
	if err != nil {
		return err
	}
	var panels []panel
	for _, measure := range []func(context.Context, *environment, programs) (panel, error){chartFilter, chartChurn, chartWake} {
		drawn, err := measure(ctx, e, p)
		if err != nil {
			return err
		}
		panels = append(panels, drawn)
	}
	return os.WriteFile(filepath.Join(e.root, "docs", "performance.svg"), []byte(drawing(panels)), 0o600)
}

// chartFilter is the time of one filter call against the number of nodes.
func chartFilter(ctx context.Context, e *environment, p programs) (panel, error) {
	ours, reference := series{name: "extender"}, series{name: "no-op extender with encoding/json"}
	for _, nodes := range []int{100, 1000, 5000, 20_000, 100_000} {
		r, err := compareCalls(ctx, p, e.cache("chart"), "filter", nodes, mostCalls)
		if err != nil {
			return panel{}, err
		}
		e.logf("filter with %d nodes: %.3f ms, no-op %.3f ms", nodes, r.ours, r.reference)
		ours.points = append(ours.points, point{float64(nodes), r.ours})
		reference.points = append(reference.points, point{float64(nodes), r.reference})
	}
	return panel{
		title: "One filter call", x: "nodes in the call, half of them covered", y: "ms, median",
		series: []series{ours, reference},
	}, nil
}

// chartChurn is the daemon's CPU time against the offers that come and go.
func chartChurn(ctx context.Context, e *environment, p programs) (panel, error) {
	drawn := panel{title: "CPU of the daemon while offers come and go", x: "offers rescinded and made anew, per second", y: "cores"}
	for _, agents := range []int{1000, 10_000} {
		s := series{name: fmt.Sprintf("%s agents", tickLabel(float64(agents)))}
		for _, rate := range []float64{10, 100, 1000, 5000} {
			used, err := chartLoadOf(ctx, p, e.cache("chart"), crowdOptions{agents: agents, resources: distinct, churn: rate})
			if err != nil {
				return panel{}, err
			}
			e.logf("%d agents, %.0f offers/s: %.3f cores", agents, rate, used)
			s.points = append(s.points, point{rate, max(used, 0.001)})
		}
		drawn.series = append(drawn.series, s)
	}
	return drawn, nil
}

func chartLoadOf(ctx context.Context, p programs, dir string, o crowdOptions) (float64, error) {
	c, err := startCrowd(ctx, p, dir, o)
	if err != nil {
		return 0, err
	}
	defer c.stop()
	r, err := c.load(ctx, chartLoad)
	return r.ours, err
}

// wakeLine is a line of `go test -bench` about the pass that picks pods to wake.
var wakeLine = regexp.MustCompile(`BenchmarkWakePass/size=(\d+)\S*\s+\d+\s+([\d.]+) ns/op`)

// chartWake is the time of one pass over the pending pods.
func chartWake(ctx context.Context, e *environment, _ programs) (panel, error) {
	bench := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-bench", "^BenchmarkWakePass$", "./internal/demand")
	bench.Dir = e.root
	out, err := bench.CombinedOutput()
	if err != nil {
		return panel{}, fmt.Errorf("benchmark of internal/demand: %w\n%s", err, out)
	}
	s := series{name: "none of them fits"}
	for _, match := range wakeLine.FindAllSubmatch(out, -1) {
		pods, errPods := strconv.ParseFloat(string(match[1]), 64)
		nanoseconds, errTime := strconv.ParseFloat(string(match[2]), 64)
		if errPods == nil && errTime == nil {
			s.points = append(s.points, point{pods, nanoseconds / 1e6})
		}
	}
	if len(s.points) == 0 {
		return panel{}, fmt.Errorf("no figures in the output of the benchmark:\n%s", out)
	}
	return panel{
		title: "One pass over the pending pods, 5,000 agents, 1,000 of them changed", x: "pods refused for want of offers", y: "ms",
		series: []series{s},
	}, nil
}
