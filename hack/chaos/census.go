package main

import (
	"context"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"

	"github.com/kube-mesos-extender/kube-mesos-extender/hack/harness"
)

// rewatch is the pause between two watches.
const rewatch = 100 * time.Millisecond

// census remembers every pod that a watch has shown, by UID. What happens while
// the API server is down and is over when it is back stays unknown. An informer
// would be blind for longer, because it backs off between attempts.
type census struct {
	client kubernetes.Interface

	mu        sync.Mutex // guards all below
	seen      map[string]bool
	bound     map[string]string // pod UID → node
	completed map[string]bool
}

func newCensus(client kubernetes.Interface) *census {
	return &census{client: client, seen: map[string]bool{}, bound: map[string]string{}, completed: map[string]bool{}}
}

// take watches until ctx ends, over and over: each watch begins with what there
// is.
func (c *census) take(ctx context.Context) {
	for sleep(ctx, rewatch) {
		watching, err := c.client.CoreV1().Pods(harness.Namespace).Watch(ctx, metav1.ListOptions{})
		if err != nil {
			continue // the API server is down
		}
		for event := range watching.ResultChan() {
			c.note(event.Object)
		}
		watching.Stop()
	}
}

func (c *census) note(object runtime.Object) {
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
