package e2e

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kube-mesos-extender/kube-mesos-extender/hack/harness"
	"github.com/kube-mesos-extender/kube-mesos-extender/hack/harness/masterapi"
	"github.com/kube-mesos-extender/kube-mesos-extender/hack/harness/neighbour"
	"github.com/kube-mesos-extender/kube-mesos-extender/hack/lab"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/config"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/mesossim"
)

// everything is a policy that reserves every agent.
func everything(neighbour.Agent) bool { return true }

// awaitTaken waits until a neighbour has reserved count agents.
func awaitTaken(t *testing.T, n *neighbour.Neighbour, count int) {
	t.Helper()
	await(t, patience, "the neighbour's reservations", func(context.Context) error {
		if taken := n.Reserved(); taken != count {
			return errors.Join(fmt.Errorf("%d agents are taken", taken), n.Problem())
		}
		return nil
	})
}

// TestForeignPods lets a default scheduler use the extender: its pods pass
// through and nothing is reserved for them.
func TestForeignPods(t *testing.T) {
	h := start(t, harness.Options{Agents: 2, Configure: brisk})
	must(t, h.ControlPlane().StartScheduler(t.Context(), lab.SchedulerOptions{Name: "foreign", ExtenderURL: h.ExtenderURL()}))
	foreign := harness.Pod("foreign", "1", "128Mi")
	foreign.Spec.SchedulerName = ""
	must(t, h.CreatePods(t.Context(), foreign, harness.Pod("ours", "1", "128Mi")))
	must(t, h.AwaitAllBound(t.Context(), 2, patience))
	awaitExact(t, h)
	must(t, h.DeletePods(t.Context(), ""))
}

// TestWaitingPodIsWoken leaves a pod nothing, shows why it waits, and lets go.
func TestWaitingPodIsWoken(t *testing.T) {
	h := start(t, harness.Options{Agents: 3, Configure: brisk})
	n := compete(t, h, "taker", neighbour.Take(everything))
	awaitTaken(t, n, 3)
	must(t, h.CreatePods(t.Context(), harness.Pod("waiting", "4", "1Gi")))
	await(t, patience, "an Event with the reason", func(ctx context.Context) error {
		note, err := h.RefusalEvent(ctx, "waiting")
		if err == nil && !strings.Contains(note, "3 no offers from agent") {
			err = fmt.Errorf("the Event says %q", note)
		}
		return err
	})
	began := time.Now()
	must(t, n.LetGo(t.Context()))
	_, err := h.AwaitBound(t.Context(), "waiting", 10*time.Second)
	must(t, err)
	t.Logf("bound %s after the neighbour let go", time.Since(began).Round(time.Millisecond))
	expectFewTries(t, h, "waiting")
	awaitExact(t, h)
	deleteAll(t, h)
}

// fewTries is above what a pod that waits once and is woken needs: a first try,
// another one that kube-scheduler's own status patch causes, and wakes that
// came too early. A hot loop makes hundreds within seconds.
const fewTries = 8

// expectFewTries fails the test if kube-scheduler asked about a pod too often.
func expectFewTries(t *testing.T, h *harness.Harness, pod string) {
	t.Helper()
	tries := 0
	for _, lines := range readLogs(t, h.Dir(), "extender-*.log") {
		for _, line := range lines {
			if strings.Contains(line, `"msg":"pod filtered"`) && strings.Contains(line, `"pod":"default/`+pod+`"`) {
				tries++
			}
		}
	}
	if tries == 0 || tries > fewTries {
		t.Errorf("kube-scheduler asked about the pod %d times, want 1 to %d", tries, fewTries)
	}
	t.Logf("kube-scheduler asked about the pod %d times", tries)
}

// TestIdleClusterHoldsNothing shows that without pods that wait the neighbours
// get everything, and that a pod gets its share back.
func TestIdleClusterHoldsNothing(t *testing.T) {
	const count = 4
	h := start(t, harness.Options{Agents: count, Configure: brisk})
	must(t, h.CreatePods(t.Context(), harness.Pod("passing", "1", "128Mi")))
	must(t, h.AwaitAllBound(t.Context(), 1, patience))
	deleteAll(t, h)
	await(t, patience, "the return of all offers", func(ctx context.Context) error {
		held, err := offersHeld(ctx, h)
		if err == nil && held > 0 {
			err = fmt.Errorf("the extender holds %d offers", held)
		}
		return err
	})
	n := compete(t, h, "greedy", neighbour.Keep())
	await(t, patience, "the neighbour's offers", func(context.Context) error {
		if hosts := n.Hosts(); len(hosts) < count {
			return fmt.Errorf("it holds offers of %d agents", len(hosts))
		}
		return nil
	})
	agents, err := h.Mesos.Agents(t.Context())
	must(t, err)
	for _, agent := range agents {
		if !same(agent.Offered, agent.Total) {
			t.Errorf("of %s the neighbour is offered %v of %v", agent.Hostname, agent.Offered, agent.Total)
		}
	}
	held, err := offersHeld(t.Context(), h)
	must(t, err)
	if held != 0 {
		t.Errorf("the extender holds %d offers", held)
	}
}

// offersHeld is how many offers the extender holds.
func offersHeld(ctx context.Context, h *harness.Harness) (int, error) {
	books, err := h.Books(ctx)
	if err != nil {
		return 0, err
	}
	for _, framework := range books.Frameworks {
		if framework.Name == "kube-mesos-extender" {
			return framework.Offers, nil
		}
	}
	return 0, fmt.Errorf("the extender is not registered: %v", names(books.Frameworks))
}

func names(frameworks []mesossim.FrameworkBooks) (out []string) {
	for _, framework := range frameworks {
		out = append(out, framework.Name)
	}
	return out
}

// TestWholeNodes runs a scheduler that sends Node objects instead of names, and
// a daemon that talks JSON to Mesos.
func TestWholeNodes(t *testing.T) {
	h := start(t, harness.Options{Agents: 3, WholeNodes: true, Configure: func(cfg *config.Config) {
		brisk(cfg)
		cfg.Mesos.Codec = config.JSON
	}})
	for i := range 6 {
		must(t, h.CreatePods(t.Context(), harness.Pod(fmt.Sprintf("pod-%d", i), "1500m", "700000001")))
	}
	must(t, h.AwaitAllBound(t.Context(), 6, patience))
	awaitExact(t, h)
	deleteAll(t, h)
}

// TestRestartAdopts kills the daemon and lets it find, on its return, pods that
// run, a pod that has gone, and reservations that it did not make.
func TestRestartAdopts(t *testing.T) {
	h := start(t, harness.Options{Agents: 2, Configure: brisk})
	for i := range 4 {
		must(t, h.CreatePods(t.Context(), harness.Pod(fmt.Sprintf("pod-%d", i), "1", "512Mi")))
	}
	must(t, h.AwaitAllBound(t.Context(), 4, patience))
	awaitExact(t, h)
	before, err := h.Mesos.Agents(t.Context())
	must(t, err)
	h.KillDaemon(0)
	must(t, h.Client.CoreV1().Pods(harness.Namespace).Delete(t.Context(), "pod-0", *metav1.NewDeleteOptions(0)))
	const role, other = "kubernetes", "somebody-else"
	for cluster, uid := range map[string]string{harness.Cluster: "never-seen", other: "theirs"} {
		must(t, h.Mesos.Reserve(t.Context(), before[0].ID, role, map[string]string{
			masterapi.ClusterLabel: cluster, masterapi.UIDLabel: uid,
			masterapi.NamespaceLabel: harness.Namespace, masterapi.PodLabel: uid,
		}, 0.5, 64))
	}
	must(t, h.StartDaemon(0))
	must(t, h.AwaitReady(t.Context()))
	awaitExact(t, h) // pod-0's and never-seen's are gone, the others' have stayed
	after, err := h.Mesos.Agents(t.Context())
	must(t, err)
	if left := masterapi.OfCluster(after, other); len(left) != 1 || left[0].Scalars["cpus"] != 500 {
		t.Errorf("of another cluster's reservation %v is left", left)
	}
	must(t, h.CreatePods(t.Context(), harness.Pod("later", "1", "512Mi")))
	must(t, h.AwaitAllBound(t.Context(), 4, patience))
	awaitExact(t, h)
	deleteAll(t, h)
}
