package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	dto "github.com/prometheus/client_model/go"

	"github.com/kube-mesos-extender/kube-mesos-extender/hack/harness"
)

const (
	bindNodes = 100
	bindPods  = 1000
	// bindEvery paces the pods. All at once they would have every process wait
	// for the two cores, and the figure would be that of the queue for them. When
	// they come 20 ms apart the p99 is 3 to 5 ms; 40 ms apart it is 1 to 2 ms.
	bindEvery  = 40 * time.Millisecond
	ownSeconds = "mesos_extender_bind_own_seconds"
)

// bindShare reads from the daemon's metrics what it adds to a bind.
func bindShare(ctx context.Context, e *environment) (result, error) {
	h, err := startCluster(ctx, e, "bind", bindNodes, nil)
	if err != nil {
		return result{}, err
	}
	defer h.Stop()
	if err := h.RunScheduler(ctx, func(map[string]any) {}); err != nil {
		return result{}, err
	}
	if err := bindSteadily(ctx, h); err != nil {
		return result{}, err
	}
	family, err := scrape(ctx, h.DaemonURL(0)+"/metrics", ownSeconds)
	if err != nil {
		return result{}, err
	}
	var binds uint64
	for _, one := range family.GetMetric() {
		binds += one.GetHistogram().GetSampleCount()
	}
	if binds < bindPods {
		return result{}, fmt.Errorf("%s counts %d binds of %d", ownSeconds, binds, bindPods)
	}
	r := alone(1000 * quantile(family, 0.99))
	r.details.add("p50", 1000*quantile(family, 0.5))
	r.details.add("binds", float64(binds))
	return r, nil
}

// bindSteadily has pods bound at an even pace.
func bindSteadily(ctx context.Context, h *harness.Harness) error {
	bindings, err := harness.WatchBindings(ctx, h.Client)
	if err != nil {
		return err
	}
	defer bindings.Stop()
	ticker := time.NewTicker(bindEvery)
	defer ticker.Stop()
	for i := range bindPods {
		if err := h.CreatePods(ctx, harness.Pod(fmt.Sprintf("p-%04d", i), "100m", "128Mi")); err != nil {
			return err
		}
		<-ticker.C
	}
	return awaitCount(ctx, bindings, bindPods)
}

// scrape reads one family from a page of metrics.
func scrape(ctx context.Context, url, name string) (*dto.MetricFamily, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close() //nolint:errcheck // it has been read
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(response.Body)
	if err != nil {
		return nil, err
	}
	if families[name] == nil {
		return nil, errors.New("no metric " + name)
	}
	return families[name], nil
}

// quantile is the upper bound of the bucket in which the share q lies, in the
// histogram's unit: not less than the true value.
func quantile(family *dto.MetricFamily, q float64) float64 {
	sums, total := map[float64]uint64{}, uint64(0)
	for _, one := range family.GetMetric() {
		total += one.GetHistogram().GetSampleCount()
		for _, bucket := range one.GetHistogram().GetBucket() {
			sums[bucket.GetUpperBound()] += bucket.GetCumulativeCount()
		}
	}
	least := math.Inf(1)
	for bound, n := range sums {
		if float64(n) >= q*float64(total) {
			least = math.Min(least, bound)
		}
	}
	return least
}
