package main

import (
	"context"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"

	"github.com/kube-mesos-extender/kube-mesos-extender/hack/harness"
)

// census remembers every pod that a watch has shown, by UID. What happens while
// the API server is down and is over when it is back stays unknown.
type census struct {
	factory informers.SharedInformerFactory
	stop    context.CancelFunc

	mu        sync.Mutex // guards all below
	seen      map[string]bool
	bound     map[string]string // pod UID → node
	completed map[string]bool
}

func takeCensus(ctx context.Context, client kubernetes.Interface) (*census, error) {
	c := &census{
		factory: informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithNamespace(harness.Namespace)),
		seen:    map[string]bool{}, bound: map[string]string{}, completed: map[string]bool{},
	}
	_, err := c.factory.Core().V1().Pods().Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    c.note,
		UpdateFunc: func(_, pod any) { c.note(pod) },
		DeleteFunc: c.note,
	})
	if err != nil {
		return nil, err
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	c.stop = func() { stop(); c.factory.Shutdown() }
	c.factory.Start(running.Done())
	c.factory.WaitForCacheSync(ctx.Done())
	return c, ctx.Err()
}

func (c *census) note(object any) {
	if tombstone, ok := object.(cache.DeletedFinalStateUnknown); ok {
		object = tombstone.Obj
	}
	pod, ok := object.(*corev1.Pod)
	if !ok {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	uid := string(pod.UID)
	c.seen[uid] = true
	if pod.Spec.NodeName != "" {
		c.bound[uid] = pod.Spec.NodeName
	}
	if ended(pod) {
		c.completed[uid] = true
	}
}

// ended reports whether a pod has run to its end and needs nothing any more.
func ended(pod *corev1.Pod) bool {
	return pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
}

// boundTo is the node a pod was ever seen bound to.
func (c *census) boundTo(uid string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.bound[uid]
}

// counts are how many pods were seen, seen bound and seen completed.
func (c *census) counts() (seen, bound, completed int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.seen), len(c.bound), len(c.completed)
}
