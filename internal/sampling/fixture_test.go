package sampling

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/utils/clock"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/kube"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/kube/kubetest"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/logkeys"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/offercache"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

const testRole = "kubernetes"

func init() { watch.DefaultChanSize = 100_000 } // the fake clientset panics when a watch lags

// amounts returns a vector of thousandths of cpus and whole MiB.
func amounts(cpus, mem int64) resources.Vector {
	return resources.Scalar(resources.CPUs, resources.Milli(cpus)).
		Add(resources.Scalar(resources.Mem, resources.Milli(mem*1000)))
}

// plenty is room for any pod of these tests.
var plenty = amounts(4000, 4096)

// counted counts the surveys of a Manager. While it is late it does not know of
// labels yet.
type counted struct {
	*kube.Nodes
	surveys atomic.Int64
	late    atomic.Bool
}

func (c *counted) All() iter.Seq[*corev1.Node] {
	c.surveys.Add(1)
	return c.Nodes.All()
}

func (c *counted) Node(name string) (*corev1.Node, bool) {
	node, ok := c.Nodes.Node(name)
	if ok && c.late.Load() {
		node = node.DeepCopy()
		node.Labels = nil
	}
	return node, ok
}

// world is a cluster whose nodes n0, n1 … are the agents a0, a1 …
type world struct {
	t       *testing.T
	cluster *kubetest.Cluster
	nodes   *counted
	cache   *offercache.Cache
	logs    *observer.ObservedLogs
	opts    Options

	manager          *Manager    // the latest
	demanded         atomic.Bool // offers are asked for
	unusable, needed sync.Map    // agent IDs
}

func nodeName(i int) string { return fmt.Sprint("n", i) }
func agentID(i int) string  { return fmt.Sprint("a", i) }

// newWorld belongs in a synctest bubble. Offers are demanded from the start.
func newWorld(t *testing.T, count int) *world {
	t.Helper()
	w := &world{t: t, opts: Options{Enabled: true, Roles: []string{testRole, "batch"}, Minimum: amounts(10, 32)}}
	var objects []runtime.Object
	var agents []kube.AgentIdentity
	for i := range count {
		objects = append(objects, &corev1.Node{ObjectMeta: metav1.ObjectMeta{
			Name: nodeName(i), UID: types.UID("uid-" + nodeName(i)), Labels: map[string]string{"zone": "z"},
		}})
		agents = append(agents, kube.AgentIdentity{ID: agentID(i), Hostname: nodeName(i)})
	}
	w.cluster = kubetest.New(objects...)
	nodes, err := kube.NewNodes(w.cluster.Client(), zap.NewNop(), clock.RealClock{})
	if err != nil {
		t.Fatal(err)
	}
	w.nodes = &counted{Nodes: nodes}
	w.run(nodes.Run)
	if err := nodes.Synced(t.Context()); err != nil {
		t.Fatal(err)
	}
	nodes.ReplaceAgents(agents)
	w.cache = offercache.New(clock.RealClock{})
	w.cache.Reset(1)
	w.demanded.Store(true)
	return w
}

// run runs a part until the returned function or the end of the test.
func (w *world) run(part func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(w.t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := part(ctx); err != nil && !errors.Is(err, context.Canceled) {
			w.t.Errorf("a part ended with %v", err)
		}
	})
	stop = func() { cancel(); running.Wait() }
	w.t.Cleanup(stop)
	return stop
}

// lead runs a new Manager.
func (w *world) lead() (stop func()) {
	w.t.Helper()
	core, logs := observer.New(zapcore.InfoLevel)
	w.logs = logs
	w.manager = New(w.opts, Deps{
		Nodes: w.nodes, Snapshot: w.cache.Snapshot, Demanded: w.demanded.Load,
		Usable: func(agentID string) bool { _, no := w.unusable.Load(agentID); return !no },
		Needed: func(agentID string) bool { _, yes := w.needed.Load(agentID); return yes },
		Label: func(ctx context.Context, node string, uid types.UID, without bool) error {
			return kube.LabelWithoutOffers(ctx, w.cluster.Client(), node, uid, without)
		},
		Log: zap.New(core), Registerer: prometheus.NewRegistry(), Clock: clock.RealClock{},
	})
	return w.run(w.manager.Run)
}

// offer has the agent of a node offer an amount.
func (w *world) offer(i int, amount resources.Vector) {
	generation := w.cache.Snapshot().Generation()
	w.cache.Add(generation, []*resources.Offer{{
		ID: fmt.Sprint("O", i), AgentID: agentID(i), Role: testRole, Hostname: nodeName(i),
		Portions: []resources.Portion{{Vector: amount}},
	}})
}

// offerEach has each of the nodes from i to below j offer plenty.
func (w *world) offerEach(i, j int) {
	for ; i < j; i++ {
		w.offer(i, plenty)
	}
}

// lose takes back the offer of a node's agent.
func (w *world) lose(i int) { w.cache.Rescind(w.cache.Snapshot().Generation(), fmt.Sprint("O", i)) }

// pass lets time go by.
func (w *world) pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// labels returns the nodes that carry the label, as the kube-apiserver has it.
func (w *world) labels() []string {
	w.t.Helper()
	list, err := w.cluster.Client().CoreV1().Nodes().List(w.t.Context(), metav1.ListOptions{})
	if err != nil {
		w.t.Fatal(err)
	}
	var names []string
	for _, node := range list.Items {
		if node.Labels["zone"] != "z" {
			w.t.Errorf("node %s has lost a label that is not ours: %v", node.Name, node.Labels)
		}
		if kube.WithoutOffers(&node) {
			names = append(names, node.Name)
		}
	}
	slices.Sort(names)
	return names
}

// wantLabels checks how many nodes carry the label.
func (w *world) wantLabels(when string, want int) {
	w.t.Helper()
	if got := w.labels(); len(got) != want {
		w.t.Errorf("%s: %d nodes are labelled, want %d", when, len(got), want)
	}
}

// wantLabel checks whether one node carries the label.
func (w *world) wantLabel(when string, i int, want bool) {
	w.t.Helper()
	if got := slices.Contains(w.labels(), nodeName(i)); got != want {
		w.t.Errorf("%s: %s is labelled: %t, want %t", when, nodeName(i), got, want)
	}
}

func (w *world) writes() int { return w.cluster.Calls("patch", "nodes") }

// warnings returns what was logged at level Warn.
func (w *world) warnings() []string {
	var lines []string
	for _, entry := range w.logs.FilterLevelExact(zapcore.WarnLevel).All() {
		lines = append(lines, entry.Message+": "+fmt.Sprint(entry.ContextMap()))
	}
	return lines
}

func contains(lines []string, part string) bool {
	return slices.ContainsFunc(lines, func(line string) bool { return strings.Contains(line, part) })
}

// outcome is the field that tells batches of the log apart.
func outcome(to string) zap.Field { return zap.String(logkeys.Outcome, to) }
