package e2e

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/kube-mesos-extender/kube-mesos-extender/hack/harness"
	"github.com/kube-mesos-extender/kube-mesos-extender/hack/harness/neighbour"
)

const (
	crowdPods  = 500
	crowdNodes = 100
	// crowdTime bounds the binding of the crowd, with something killed in the
	// middle, on a busy machine.
	crowdTime = 2 * time.Minute
)

// crowd are pods of many odd sizes, about half of what 80 nodes have.
func crowd() []*corev1.Pod {
	pods := make([]*corev1.Pod, crowdPods)
	for i := range pods {
		cpu := fmt.Sprintf("%dm", 101+i*37%1300)
		memory := strconv.Itoa(100_000_001 + i*7_919_333%1_500_000_000) // bytes
		pods[i] = harness.Pod(fmt.Sprintf("crowd-%d", i), cpu, memory)
	}
	return pods
}

// startCrowd runs a system of 100 nodes, a fifth of which a neighbour has
// reserved while another one takes and declines whatever it is offered.
func startCrowd(t *testing.T, options harness.Options) *harness.Harness {
	t.Helper()
	options.Agents = crowdNodes
	options.Configure = brisk
	h := start(t, options)
	compete(t, h, "taker", neighbour.Take(func(agent neighbour.Agent) bool {
		return strings.HasSuffix(agent.Hostname, "7") || strings.HasSuffix(agent.Hostname, "3")
	}))
	compete(t, h, "churner", neighbour.Churn(300*time.Millisecond, 3*time.Second))
	return h
}

// TestFiveHundredPods binds 500 pods over 100 nodes beside competing
// frameworks.
func TestFiveHundredPods(t *testing.T) {
	h := startCrowd(t, harness.Options{})
	w := watch(t, h)
	began := time.Now()
	must(t, h.CreatePods(t.Context(), crowd()...))
	created := time.Since(began)
	must(t, h.AwaitAllBound(t.Context(), crowdPods, crowdTime))
	t.Logf("%d pods created in %s, all bound after %s", crowdPods,
		created.Round(time.Millisecond), time.Since(began).Round(time.Millisecond))
	finishCrowd(t, h, w)
}

// finishCrowd checks the end state that every story of the crowd must have.
func finishCrowd(t *testing.T, h *harness.Harness, w *harness.Witness) {
	t.Helper()
	pods, err := h.Pods(t.Context())
	must(t, err)
	testify(t, w, pods)
	awaitExact(t, h)
	t.Logf("%d nodes are in use", countNodes(pods))
	deleteAll(t, h)
}

func countNodes(pods []corev1.Pod) int {
	var nodes []string
	for _, pod := range pods {
		nodes = append(nodes, pod.Spec.NodeName)
	}
	slices.Sort(nodes)
	return len(slices.Compact(nodes))
}
