package kube

import (
	"context"
	"fmt"

	"go.uber.org/zap"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/logkeys"
)

const uidIndex = "uid"

// PodHandler hears of every change to a pod that carries our scheduler's name.
// It is called from one goroutine of the informer, in the order of the watch.
type PodHandler interface {
	// PodChanged reports a pod that is new or differs. It must not be changed.
	PodChanged(pod *corev1.Pod)
	// PodGone reports that no pod of this UID exists any more.
	PodGone(uid string)
}

// Pods watches the pods that carry one scheduler's name. What it returns is
// trimmed to what scheduling reads, shared, and must not be changed.
type Pods struct {
	client   kubernetes.Interface
	selector string
	informer cache.SharedIndexInformer
	log      *zap.Logger
	handlers []cache.ResourceEventHandlerRegistration // complete before Run
}

// NewPods makes the informer; nothing is read before Run.
func NewPods(client kubernetes.Interface, schedulerName string, log *zap.Logger) (*Pods, error) {
	p := &Pods{
		client:   client,
		selector: fields.OneTermEqualSelector("spec.schedulerName", schedulerName).String(),
		log:      log,
	}
	p.informer = cache.NewSharedIndexInformerWithOptions(
		cache.ToListWatcherWithWatchListSemantics(p.listWatch(), client), &corev1.Pod{},
		cache.SharedIndexInformerOptions{Indexers: cache.Indexers{uidIndex: indexUID}})
	if err := p.informer.SetTransform(trim); err != nil {
		return nil, fmt.Errorf("pod informer: %w", err)
	}
	if err := p.informer.SetWatchErrorHandlerWithContext(p.disconnected); err != nil {
		return nil, fmt.Errorf("pod informer: %w", err)
	}
	return p, nil
}

// On adds a handler. It must be called before Run; Synced then covers it too.
func (p *Pods) On(handler PodHandler) error {
	registration, err := p.informer.AddEventHandler(podEvents{handler})
	if err != nil {
		return fmt.Errorf("pod informer: %w", err)
	}
	p.handlers = append(p.handlers, registration)
	return nil
}

// Run watches until ctx ends.
func (p *Pods) Run(ctx context.Context) error {
	p.informer.RunWithContext(ctx)
	return nil
}

// HasSynced reports whether the first list is in the store and has been given
// to every handler.
func (p *Pods) HasSynced() bool {
	for _, handler := range p.handlers {
		if !handler.HasSynced() {
			return false
		}
	}
	return p.informer.HasSynced()
}

// Synced waits for HasSynced, or returns ctx's error.
func (p *Pods) Synced(ctx context.Context) error {
	if !cache.WaitForCacheSync(ctx.Done(), p.HasSynced) {
		return fmt.Errorf("pod informer has not synced: %w", context.Cause(ctx))
	}
	return nil
}

// listWatch reads pods of our scheduler from all namespaces.
func (p *Pods) listWatch() *cache.ListWatch {
	return &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, opts metav1.ListOptions) (runtime.Object, error) {
			opts.FieldSelector = p.selector
			return p.client.CoreV1().Pods(metav1.NamespaceAll).List(ctx, opts)
		},
		WatchFuncWithContext: func(ctx context.Context, opts metav1.ListOptions) (watch.Interface, error) {
			opts.FieldSelector = p.selector
			return p.client.CoreV1().Pods(metav1.NamespaceAll).Watch(ctx, opts)
		},
	}
}

// disconnected is told why a list or watch failed.
func (p *Pods) disconnected(ctx context.Context, reflector *cache.Reflector, err error) {
	if ctx.Err() == nil {
		p.log.Warn("watching pods failed, trying again", zap.Error(err), zap.String(logkeys.Component, "pods"))
	}
}

func indexUID(object any) ([]string, error) {
	if pod, ok := object.(*corev1.Pod); ok {
		return []string{string(pod.UID)}, nil
	}
	return nil, nil
}

// podEvents turns the informer's callbacks into a PodHandler's.
type podEvents struct{ handler PodHandler }

func (e podEvents) OnAdd(object any, _ bool) {
	if pod, ok := object.(*corev1.Pod); ok {
		e.handler.PodChanged(pod)
	}
}

// OnUpdate also serves a pod that was deleted and made again under its name
// while the watch was down: the informer knows it by name, we by UID.
func (e podEvents) OnUpdate(before, after any) {
	old, wasPod := before.(*corev1.Pod)
	pod, isPod := after.(*corev1.Pod)
	if wasPod && isPod && old.UID != pod.UID {
		e.handler.PodGone(string(old.UID))
	}
	if isPod {
		e.handler.PodChanged(pod)
	}
}

func (e podEvents) OnDelete(object any) {
	if missed, ok := object.(cache.DeletedFinalStateUnknown); ok {
		object = missed.Obj
	}
	if pod, ok := object.(*corev1.Pod); ok {
		e.handler.PodGone(string(pod.UID))
	}
}
