package kube

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/utils/clock"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/logkeys"
)

// startNodes runs an informer that ends with the test and returns its log.
func startNodes(t *testing.T, client kubernetes.Interface) (*Nodes, *observer.ObservedLogs) {
	t.Helper()
	core, logs := observer.New(zapcore.InfoLevel)
	nodes, err := NewNodes(client, zap.New(core), clock.RealClock{})
	if err != nil {
		t.Fatal(err)
	}
	run(t, nodes)
	return nodes, logs
}

// run runs an informer until the test ends.
func run(t *testing.T, nodes *Nodes) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := nodes.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { stop(); running.Wait() })
	if err := nodes.Synced(ctx); err != nil {
		t.Fatal(err)
	}
}

func update(t *testing.T, client kubernetes.Interface, node *corev1.Node) {
	t.Helper()
	if _, err := client.CoreV1().Nodes().Update(t.Context(), node, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
}

func TestNodesFollowTheCluster(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := fake.NewSimpleClientset(newNode("h1", "", "", ""))
		nodes, _ := startNodes(t, client)
		nodes.ReplaceAgents([]AgentIdentity{agent("A1", "h1", "10.0.0.1"), agent("A2", "h2", "10.0.0.2")})
		expect := func(node, want string) {
			t.Helper()
			pass(time.Second)
			if got, _ := nodes.Map().Agent(node); got != want {
				t.Errorf("node %s is agent %q, want %q", node, got, want)
			}
		}
		expect("h1", "A1")
		update(t, client, newNode("h1", "A2", "", ""))
		expect("h1", "A2")
		nodes.ReplaceAgents([]AgentIdentity{agent("A1", "h1", "10.0.0.1")})
		expect("h1", "")
		nodes.SetAgent(agent("A3", "a2", "")) // an agent whose hostname is the annotation's value
		expect("h1", "A3")
		if err := client.CoreV1().Nodes().Delete(t.Context(), "h1", metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		expect("h1", "")
		if node, ok := nodes.Map().Node("A3"); ok {
			t.Errorf("agent A3 still has the node %q that was deleted", node)
		}
	})
}

func TestNodesKnowWhichToAvoid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tainted := newNode("h1", "", "", "")
		tainted.Spec.Taints = []corev1.Taint{{Effect: corev1.TaintEffectNoExecute}, {Effect: corev1.TaintEffectPreferNoSchedule}}
		client := fake.NewSimpleClientset(tainted, newNode("h2", "", "", ""))
		nodes, _ := startNodes(t, client)
		expect := func(want bool) {
			t.Helper()
			pass(time.Second)
			if m := nodes.Map(); m.Avoided("h1") != want || m.Avoided("h2") {
				t.Errorf("h1 is to be avoided: %v, want %v; h2: %v, want false", m.Avoided("h1"), want, m.Avoided("h2"))
			}
		}
		expect(true)
		update(t, client, newNode("h1", "", "", ""))
		expect(false)
		update(t, client, tainted)
		expect(true)
		if err := client.CoreV1().Nodes().Delete(t.Context(), "h1", metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		expect(false)
	})
}

func TestChangesThatDoNotMatterRebuildNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := fake.NewSimpleClientset(newNode("h1", "", "10.0.0.1", ""))
		nodes, _ := startNodes(t, client)
		nodes.SetAgent(agent("A1", "h1", "10.0.0.1"))
		pass(time.Second)
		before := nodes.Map()

		heartbeat := newNode("h1", "", "10.0.0.1", "")
		heartbeat.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, LastHeartbeatTime: metav1.Now()}}
		update(t, client, heartbeat)
		nodes.SetAgent(agent("A1", "h1", "10.0.0.1"))
		pass(time.Second)
		if nodes.Map() != before {
			t.Error("the map was rebuilt for a heartbeat and an offer of a known agent")
		}
	})
}

func TestManyChangesMakeOneMap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nodes, _ := startNodes(t, fake.NewSimpleClientset(newNode("h1", "", "", "")))
		pass(time.Second)
		before := nodes.Map()
		for i := range 100 {
			nodes.SetAgent(agent("A1", "h1", ""))
			nodes.SetAgent(AgentIdentity{ID: "A1", Hostname: string(rune('a' + i%26))})
			synctest.Wait()
		}
		nodes.SetAgent(agent("A1", "h1", ""))
		synctest.Wait()
		if nodes.Map() != before {
			t.Error("rebuilt before the changes had settled")
		}
		pass(2 * settle) // one that began before the changes, and one without any
		if id, _ := nodes.Map().Agent("h1"); id != "A1" {
			t.Errorf("after settling the node is %q, want A1", id)
		}
	})
}

func TestChangesWithoutEndHoldNoMapUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nodes, _ := startNodes(t, fake.NewSimpleClientset(newNode("h1", "", "", "")))
		pass(time.Second)
		nodes.SetAgent(agent("A1", "h1", ""))
		pass(settle / 2) // changes come between two looks
		for i := range longest + 2 {
			if id, _ := nodes.Map().Agent("h1"); i < longest-1 && id == "A1" {
				t.Fatalf("the map was made after %d of %d changes", i, longest)
			}
			nodes.SetAgent(AgentIdentity{ID: "A2", Hostname: string(rune('a' + i%26))})
			pass(settle)
		}
		if id, _ := nodes.Map().Agent("h1"); id != "A1" {
			t.Errorf("the node is %q, want A1", id)
		}
	})
}

func TestAmbiguousNodeIsWarnedAboutOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nodes, logs := startNodes(t, fake.NewSimpleClientset(newNode("h1", "", "", "")))
		twins := []AgentIdentity{agent("A1", "h1", ""), agent("A2", "h1", "")}
		nodes.ReplaceAgents(twins)
		nodes.Flush()
		nodes.SetAgent(agent("A3", "h3", ""))
		pass(time.Second)
		if got := logs.FilterField(zap.String(logkeys.Node, "h1")).Len(); got != 1 {
			t.Fatalf("%d warnings about the node, want 1", got)
		}
		nodes.ReplaceAgents(twins[:1]) // certain in between
		nodes.ReplaceAgents(twins)
		if got := logs.FilterField(zap.String(logkeys.Node, "h1")).Len(); got != 2 {
			t.Errorf("%d warnings about the node, want 2", got)
		}
	})
}

func TestManyAmbiguousNodesDoNotFloodTheLog(t *testing.T) {
	core, logs := observer.New(zapcore.InfoLevel)
	nodes, err := NewNodes(fake.NewSimpleClientset(), zap.New(core), clock.RealClock{})
	if err != nil {
		t.Fatal(err)
	}
	ambiguous := make([]AmbiguousNode, 1000)
	for i := range ambiguous {
		ambiguous[i].Node = string(rune('0' + i))
	}
	nodes.warn(ambiguous)
	if got := logs.Len(); got != maxWarnings+1 {
		t.Errorf("%d lines for 1000 nodes, want %d", got, maxWarnings+1)
	}
	if got := logs.FilterField(zap.Int(logkeys.Count, 1000-maxWarnings)).Len(); got != 1 {
		t.Errorf("%d lines count the rest, want 1", got)
	}
}

func TestTrimNode(t *testing.T) {
	node := newNode("n", "A1", "10.0.0.1", "h1")
	node.Annotations["other"], node.Labels["other"] = "x", "x"
	node.Status.Images = []corev1.ContainerImage{{Names: []string{"large"}}}
	object, err := trimNode(node)
	if err != nil {
		t.Fatal(err)
	}
	trimmed := object.(*trimmedNode)
	if !trimmed.keys.equal(keysOfNode(node)) {
		t.Errorf("keys = %v, want %v", trimmed.keys, keysOfNode(node))
	}
	if again, err := trimNode(trimmed); again != object || err != nil {
		t.Errorf("trimmed again: %v, %v", again, err)
	}
	node.Labels[OffersLabel], node.UID, node.ResourceVersion = NoOffers, "u", "7"
	object, err = trimNode(node)
	if err != nil {
		t.Fatal(err)
	}
	got := object.(*trimmedNode).node()
	want := &corev1.Node{ObjectMeta: metav1.ObjectMeta{
		Name: "n", UID: "u", ResourceVersion: "7", Labels: map[string]string{OffersLabel: NoOffers},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what others need of a node (-want +got):\n%s", diff)
	}
}

// A list of agents that says nothing new costs no new map, unless something
// else has changed meanwhile.
func TestSameAgentsKeepTheMap(t *testing.T) {
	n, err := NewNodes(fake.NewClientset(), zap.NewNop(), clock.RealClock{})
	if err != nil {
		t.Fatal(err)
	}
	change := func(name string) {
		object, err := trimNode(newNode(name, "", "", ""))
		if err != nil {
			t.Fatal(err)
		}
		n.nodeChanged(object)
	}
	agents := []AgentIdentity{{ID: "A1", Hostname: "h1"}, {ID: "A2", Hostname: "h2"}}
	change("h1")
	n.ReplaceAgents(agents)
	before := n.Map()
	n.ReplaceAgents(slices.Clone(agents))
	if n.Map() != before {
		t.Error("the map was made anew")
	}
	change("h2")
	n.ReplaceAgents(agents)
	if id, why := n.Map().Agent("h2"); id != "A2" || why != Mapped {
		t.Errorf("a node that came meanwhile: %q, %v", id, why)
	}
	n.ReplaceAgents([]AgentIdentity{{ID: "A1", Hostname: "h1"}, {ID: "A3", Hostname: "h2"}})
	if id, _ := n.Map().Agent("h2"); id != "A3" {
		t.Errorf("an agent that was replaced: got %q", id)
	}
	n.ReplaceAgents(agents[:1])
	if _, why := n.Map().Agent("h2"); why != NoAgent {
		t.Errorf("an agent that is gone: %v", why)
	}
}
