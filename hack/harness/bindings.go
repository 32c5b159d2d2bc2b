package harness

import (
	"context"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
)

// BindingTimes watches the pods and notes when each was first seen bound.
type BindingTimes struct {
	factory informers.SharedInformerFactory
	cancel  context.CancelFunc

	mu    sync.Mutex           // guards bound
	bound map[string]time.Time // pod name → first seen bound
}

// WatchBindings starts to watch; end it with Stop.
func WatchBindings(ctx context.Context, client kubernetes.Interface) (*BindingTimes, error) {
	b := &BindingTimes{
		factory: informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithNamespace(Namespace)),
		bound:   map[string]time.Time{},
	}
	informer := b.factory.Core().V1().Pods().Informer()
	_, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    b.note,
		UpdateFunc: func(_, pod any) { b.note(pod) },
	})
	if err != nil {
		return nil, err
	}
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	b.cancel = cancel
	b.factory.Start(running.Done())
	b.factory.WaitForCacheSync(ctx.Done())
	return b, ctx.Err()
}

// Stop ends the watch.
func (b *BindingTimes) Stop() {
	b.cancel()
	b.factory.Shutdown()
}

func (b *BindingTimes) note(object any) {
	pod, ok := object.(*corev1.Pod)
	if !ok || pod.Spec.NodeName == "" {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, known := b.bound[pod.Name]; !known {
		b.bound[pod.Name] = time.Now()
	}
}

// At is when a pod was first seen bound.
func (b *BindingTimes) At(pod string) (time.Time, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	at, ok := b.bound[pod]
	return at, ok
}

// Count is how many pods have been seen bound.
func (b *BindingTimes) Count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.bound)
}
