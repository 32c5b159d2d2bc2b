package simtest

import (
	"context"
	"errors"
	"sync"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	coordinationv1client "k8s.io/client-go/kubernetes/typed/coordination/v1"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
)

// lostAfter is when a client notices that a request got lost.
const lostAfter = 8 * time.Second

var errSevered = errors.New("the process is no more")

// gate is the way of one process to the kube-apiserver: requests take time, and
// what the faults say happens to them. A request that has left cannot be called
// back: it may take effect after its sender has given up, or has died.
type gate struct {
	kubernetes.Interface
	api *apiserver
	who string

	once    sync.Once
	severed chan struct{} // closed at the end of the process

	mu   sync.Mutex
	next map[string]*slowWatch // resource → the watch that goes on after its list
}

func newGate(api *apiserver, who string) *gate {
	return &gate{Interface: api.cluster.Client(), api: api, who: who, severed: make(chan struct{}), next: map[string]*slowWatch{}}
}

func (g *gate) sever() { g.once.Do(func() { close(g.severed) }) }

// IsWatchListSemanticsUnSupported tells client-go what the fake clientset does.
func (g *gate) IsWatchListSemanticsUnSupported() bool { return true }

func (g *gate) CoreV1() corev1client.CoreV1Interface { return gatedCore{g.Interface.CoreV1(), g} }

func (g *gate) CoordinationV1() coordinationv1client.CoordinationV1Interface {
	return gatedCoordination{g.Interface.CoordinationV1(), g}
}

type answer[T any] struct {
	value T
	err   error
}

// pass sends one request through the gate.
func pass[T any](ctx context.Context, g *gate, call string, name string, do func() (T, error)) (T, error) {
	var none T
	select {
	case <-g.severed:
		return none, errSevered
	default:
	}
	fate := g.api.fate(g.who, call, name)
	if fate.err != nil {
		return none, fate.err
	}
	answered := make(chan answer[T], 1)
	g.api.busy.Go(func() {
		time.Sleep(fate.there)
		if fate.lost {
			time.Sleep(lostAfter)
			answered <- answer[T]{none, errors.New("connection reset")}
			return
		}
		value, err := do()
		time.Sleep(fate.back)
		if fate.deaf {
			value, err = none, errors.New("connection reset while waiting for the answer")
		}
		answered <- answer[T]{value, err}
	})
	select {
	case a := <-answered:
		return a.value, a.err
	case <-ctx.Done():
		return none, ctx.Err()
	case <-g.severed:
		return none, errSevered
	}
}

type gatedCore struct {
	corev1client.CoreV1Interface
	g *gate
}

func (c gatedCore) Pods(namespace string) corev1client.PodInterface {
	return gatedPods{c.CoreV1Interface.Pods(namespace), c.g}
}

func (c gatedCore) Nodes() corev1client.NodeInterface {
	return gatedNodes{c.CoreV1Interface.Nodes(), c.g}
}

type gatedPods struct {
	corev1client.PodInterface
	g *gate
}

func (p gatedPods) Get(ctx context.Context, name string, opts metav1.GetOptions) (*corev1.Pod, error) {
	return pass(ctx, p.g, "get pods", name, func() (*corev1.Pod, error) { return p.PodInterface.Get(ctx, name, opts) })
}

func (p gatedPods) List(ctx context.Context, opts metav1.ListOptions) (*corev1.PodList, error) {
	return pass(ctx, p.g, "list pods", "", func() (*corev1.PodList, error) {
		if err := p.g.listed("pods", func() (watch.Interface, error) { return p.PodInterface.Watch(ctx, opts) }); err != nil {
			return nil, err
		}
		return p.PodInterface.List(ctx, opts)
	})
}

func (p gatedPods) Watch(context.Context, metav1.ListOptions) (watch.Interface, error) {
	return p.g.watch("pods")
}

func (p gatedPods) Patch(ctx context.Context, name string, kind types.PatchType, data []byte, opts metav1.PatchOptions, sub ...string) (*corev1.Pod, error) {
	return pass(ctx, p.g, "patch pods", name, func() (*corev1.Pod, error) {
		return p.PodInterface.Patch(ctx, name, kind, data, opts, sub...)
	})
}

func (p gatedPods) Bind(ctx context.Context, binding *corev1.Binding, opts metav1.CreateOptions) error {
	defer p.g.api.binding(p.g.who, string(binding.UID))()
	_, err := pass(ctx, p.g, "bind pods", binding.Name, func() (struct{}, error) {
		return struct{}{}, p.PodInterface.Bind(ctx, binding, opts)
	})
	return err
}

type gatedNodes struct {
	corev1client.NodeInterface
	g *gate
}

func (n gatedNodes) List(ctx context.Context, opts metav1.ListOptions) (*corev1.NodeList, error) {
	return pass(ctx, n.g, "list nodes", "", func() (*corev1.NodeList, error) {
		if err := n.g.listed("nodes", func() (watch.Interface, error) { return n.NodeInterface.Watch(ctx, opts) }); err != nil {
			return nil, err
		}
		return n.NodeInterface.List(ctx, opts)
	})
}

func (n gatedNodes) Watch(context.Context, metav1.ListOptions) (watch.Interface, error) {
	return n.g.watch("nodes")
}

type gatedCoordination struct {
	coordinationv1client.CoordinationV1Interface
	g *gate
}

func (c gatedCoordination) Leases(namespace string) coordinationv1client.LeaseInterface {
	return gatedLeases{c.CoordinationV1Interface.Leases(namespace), c.g}
}

type gatedLeases struct {
	coordinationv1client.LeaseInterface
	g *gate
}

func (l gatedLeases) Get(ctx context.Context, name string, opts metav1.GetOptions) (*coordinationv1.Lease, error) {
	return pass(ctx, l.g, "get leases", name, func() (*coordinationv1.Lease, error) { return l.LeaseInterface.Get(ctx, name, opts) })
}

func (l gatedLeases) Create(ctx context.Context, lease *coordinationv1.Lease, opts metav1.CreateOptions) (*coordinationv1.Lease, error) {
	return pass(ctx, l.g, "create leases", lease.Name, func() (*coordinationv1.Lease, error) { return l.LeaseInterface.Create(ctx, lease, opts) })
}

func (l gatedLeases) Update(ctx context.Context, lease *coordinationv1.Lease, opts metav1.UpdateOptions) (*coordinationv1.Lease, error) {
	return pass(ctx, l.g, "update leases", lease.Name, func() (*coordinationv1.Lease, error) { return l.LeaseInterface.Update(ctx, lease, opts) })
}
