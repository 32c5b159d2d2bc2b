package app

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"testing"

	"go.uber.org/zap"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/config"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/kube"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/kube/kubetest"
)

func testConfig() *config.Config {
	cfg := config.Default()
	cfg.ClusterID = "berlin"
	cfg.Mesos.Masters = []string{"http://master:5050"}
	cfg.Mesos.Codec = config.JSON
	cfg.Mesos.Roles = []string{"kubernetes", "batch"}
	return cfg
}

// replica is an App of which a test runs the parts it needs.
type replica struct {
	*App
	t       *testing.T
	cluster *kubetest.Cluster
	master  *agentList
}

// newReplica builds a replica whose parts stand still. It belongs in a
// synctest bubble.
func newReplica(t *testing.T, objects ...runtime.Object) *replica {
	t.Helper()
	r := &replica{t: t, cluster: kubetest.New(objects...), master: &agentList{}}
	a, err := NewWith(testConfig(), r.cluster.Client(), zap.NewNop(), Options{Dial: r.master.dial})
	if err != nil {
		t.Fatal(err)
	}
	r.App = a
	return r
}

// start runs a part until the test ends.
func (r *replica) start(run func(context.Context) error) {
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := run(ctx); err != nil && !errors.Is(err, context.Canceled) {
			r.t.Errorf("a part ended with %v", err)
		}
	})
	r.t.Cleanup(func() { stop(); running.Wait() })
}

// knowing runs the node informer and gives it the agents.
func (r *replica) knowing(agents ...kube.AgentIdentity) {
	r.t.Helper()
	r.start(r.nodes.Run)
	if err := r.nodes.Synced(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
	r.nodes.ReplaceAgents(agents)
}

// written returns the Events written so far.
func (r *replica) written() []eventsv1.Event {
	r.t.Helper()
	list, err := r.cluster.Client().EventsV1().Events("default").List(r.t.Context(), metav1.ListOptions{})
	if err != nil {
		r.t.Fatal(err)
	}
	return list.Items
}

// agentList is a Mesos master, over connections in memory, that answers every
// call with a list of agents, at first empty, or with 503 while it is closed.
type agentList struct {
	mu     sync.Mutex
	open   bool
	agents string // JSON
}

func (l *agentList) set(open bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open = open
}

// list opens the list with these agents, in JSON.
func (l *agentList) list(agents string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open, l.agents = true, agents
}

func (l *agentList) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.open {
		http.Error(w, "recovering", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	// A write that fails shows at the client.
	_, _ = w.Write([]byte(`{"type":"GET_AGENTS","get_agents":{"agents":[` + l.agents + `]}}`))
}

func (l *agentList) dial(context.Context, string, string) (net.Conn, error) {
	client, side := net.Pipe()
	one := &once{conn: make(chan net.Conn, 1), end: make(chan struct{})}
	one.conn <- side
	server := &http.Server{Handler: l}
	server.SetKeepAlivesEnabled(false) // nothing is left open when a test ends
	server.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateClosed {
			close(one.end)
		}
	}
	go func() { _ = server.Serve(one) }() // ends with its only connection
	return client, nil
}

// once is a listener with one connection.
type once struct {
	conn chan net.Conn
	end  chan struct{}
}

func (o *once) Accept() (net.Conn, error) {
	select {
	case conn := <-o.conn:
		return conn, nil
	case <-o.end:
		return nil, net.ErrClosed
	}
}

func (o *once) Close() error   { return nil }
func (o *once) Addr() net.Addr { return &net.TCPAddr{} }

func newNode(name string) *corev1.Node {
	return &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}}
}

func newPod(name string, change func(*corev1.Pod)) *corev1.Pod {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, UID: types.UID("uid-" + name)},
		Spec: corev1.PodSpec{
			SchedulerName: "mesos-scheduler",
			Containers:    []corev1.Container{{Name: "main"}},
		},
	}
	if change != nil {
		change(pod)
	}
	return pod
}
