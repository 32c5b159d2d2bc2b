package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kube-mesos-extender/kube-mesos-extender/hack/harness"
	"github.com/kube-mesos-extender/kube-mesos-extender/hack/harness/neighbour"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/config"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/kube"
)

const (
	// sampledNodes are more than kube-scheduler shows of any cluster.
	sampledNodes = 120
	// labelTime is how long labels may take: 30 s without room, and up to 10 s
	// until all nodes are looked at.
	labelTime = 75 * time.Second
)

// TestNodesWithoutOffersAreNotShown has neighbours hold all agents but two. The
// other nodes are labelled, so that a pod is shown the two alone; and a pod that
// fits nowhere else gets a labelled node whose agent is let go.
func TestNodesWithoutOffersAreNotShown(t *testing.T) {
	h := start(t, harness.Options{
		Agents: sampledNodes, AgentResources: "cpus:8;mem:16384;disk:50000", SpareCPUs: 12,
		Configure: func(cfg *config.Config) {
			brisk(cfg)
			// One pod that fits nowhere counts as demand for twice this.
			cfg.Offers.MaxHold.Duration = time.Minute
		},
	})
	free, late := []string{"node-0", "node-1"}, []string{"node-7"}
	leaver := take(t, h, "leaver", func(host string) bool { return slices.Contains(late, host) })
	awaitTaken(t, leaver, len(late))
	taker := take(t, h, "taker", func(host string) bool { return !slices.Contains(free, host) })
	awaitTaken(t, taker, sampledNodes-len(free)-len(late))

	must(t, h.CreatePods(t.Context(), harness.Pod("giant", "12", "1Gi")))
	began := time.Now()
	awaitShown(t, h, free)
	t.Logf("%d nodes labelled after %s", sampledNodes-len(free), time.Since(began).Round(time.Second))
	await(t, patience, "labels known to kube-scheduler, which each label has try the giant again", func(context.Context) error {
		calls := filtered(t, h, "giant")
		if last := calls[len(calls)-1]; last.Refused != len(free) {
			return fmt.Errorf("it was shown %d nodes", last.Refused)
		}
		return nil
	})

	must(t, h.CreatePods(t.Context(), harness.Pod("first", "7500m", "1Gi")))
	expectBoundTo(t, h, "first", free)
	expectFirstAttempt(t, h, "first", len(free))
	must(t, h.CreatePods(t.Context(), harness.Pod("second", "7500m", "1Gi")))
	expectBoundTo(t, h, "second", free)

	must(t, h.CreatePods(t.Context(), harness.Pod("last", "6", "1Gi")))
	await(t, patience, "the last pod's refusal", func(ctx context.Context) error {
		_, err := h.RefusalEvent(ctx, "last")
		return err
	})
	began = time.Now()
	must(t, leaver.LetGo(t.Context()))
	expectBoundTo(t, h, "last", late)
	t.Logf("bound to the node that was labelled %s after its neighbour let go", time.Since(began).Round(time.Millisecond))
	awaitShown(t, h, slices.Concat(free, late))
	awaitExact(t, h)
	deleteAll(t, h)
}

// take starts a neighbour that reserves some hosts in a role of its own: what is
// reserved is offered to everybody in the role.
func take(t *testing.T, h *harness.Harness, name string, wanted func(host string) bool) *neighbour.Neighbour {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	n, err := neighbour.Start(ctx, neighbour.Options{
		Master: h.MasterURL(), Name: name, Role: name,
		Policy: neighbour.Take(func(agent neighbour.Agent) bool { return wanted(agent.Hostname) }),
	})
	must(t, err)
	t.Cleanup(n.Stop)
	return n
}

// awaitShown waits until exactly these nodes carry no label.
func awaitShown(t *testing.T, h *harness.Harness, want []string) {
	t.Helper()
	await(t, labelTime, "labels on all other nodes", func(ctx context.Context) error {
		list, err := h.Client.CoreV1().Nodes().List(ctx, metav1.ListOptions{LabelSelector: kube.OffersLabel + "!=" + kube.NoOffers})
		if err != nil {
			return err
		}
		var shown []string
		for _, node := range list.Items {
			shown = append(shown, node.Name)
		}
		if slices.Sort(shown); !slices.Equal(shown, want) {
			return fmt.Errorf("%d nodes carry no label", len(shown))
		}
		return nil
	})
}

func expectBoundTo(t *testing.T, h *harness.Harness, name string, nodes []string) {
	t.Helper()
	pod, err := h.AwaitBound(t.Context(), name, patience)
	must(t, err)
	if !slices.Contains(nodes, pod.Spec.NodeName) {
		t.Errorf("pod %s is bound to %s, want one of %v", name, pod.Spec.NodeName, nodes)
	}
}

// expectFirstAttempt fails the test unless filter was asked about a pod once,
// with that many nodes, all of which fitted.
func expectFirstAttempt(t *testing.T, h *harness.Harness, name string, nodes int) {
	t.Helper()
	calls := filtered(t, h, name)
	if len(calls) != 1 || calls[0].Fits != nodes || calls[0].Refused != 0 {
		t.Errorf("filter was asked about %s as follows, want one call with %d nodes that fit: %+v", name, nodes, calls)
	}
}

// filterCall is a line of the daemon's log about one filter call.
type filterCall struct {
	Msg, Pod      string
	Fits, Refused int // nodes
}

// filtered returns the filter calls for a pod.
func filtered(t *testing.T, h *harness.Harness, name string) []filterCall {
	t.Helper()
	var calls []filterCall
	for _, lines := range readLogs(t, h.Dir(), "extender-0.log") {
		for _, line := range lines {
			var c filterCall
			if json.Unmarshal([]byte(line), &c) == nil && c.Msg == "pod filtered" && c.Pod == harness.Namespace+"/"+name {
				calls = append(calls, c)
			}
		}
	}
	return calls
}
