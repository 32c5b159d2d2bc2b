package kube

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	// listPage is how many pods one request of ListLive asks for, as many as
	// kubectl does.
	listPage = 500
	// lag is how long the store may be behind kube-scheduler's, which saw the pod
	// first. Where many pods come at once one in eight is bound before the store
	// has it, and to read it from the kube-apiserver would cost as much as the
	// Binding.
	lag     = 30 * time.Millisecond
	lagStep = 3 * time.Millisecond
	// listRestarts bounds how often ListLive begins again because the
	// kube-apiserver compacted the version it was paging through.
	listRestarts = 3
)

// Get returns the pod from the store, and asks the kube-apiserver for one that
// does not come there within lag, whichever scheduler it names. What the store
// holds may be a moment old: compare UIDs, and use Live where that matters.
// ErrPodGone if it does not exist.
func (p *Pods) Get(ctx context.Context, namespace, name string) (*corev1.Pod, error) {
	for waited := time.Duration(0); ; waited += lagStep {
		object, found, err := p.informer.GetStore().GetByKey(namespace + "/" + name)
		if pod, ok := object.(*corev1.Pod); err == nil && found && ok {
			return pod, nil
		}
		if waited >= lag {
			return p.Live(ctx, namespace, name)
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("read pod %s/%s: %w", namespace, name, context.Cause(ctx))
		case <-time.After(lagStep):
		}
	}
}

// Live returns the pod as the kube-apiserver has it now, by a quorum read.
// ErrPodGone if no pod has that name; the caller compares the UID.
func (p *Pods) Live(ctx context.Context, namespace, name string) (*corev1.Pod, error) {
	pod, err := p.client.CoreV1().Pods(namespace).Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, fmt.Errorf("read pod %s/%s: %w", namespace, name, ErrPodGone)
	}
	if err != nil {
		return nil, fmt.Errorf("read pod %s/%s: %w", namespace, name, err)
	}
	return trimPod(pod), nil
}

// ByUID returns the pod of our scheduler that has this UID.
func (p *Pods) ByUID(uid string) (*corev1.Pod, bool) {
	found, err := p.informer.GetIndexer().ByIndex(uidIndex, uid)
	if err != nil || len(found) == 0 {
		return nil, false
	}
	pod, ok := found[0].(*corev1.Pod)
	return pod, ok
}

// ListLive returns all pods of our scheduler as the kube-apiserver has them
// now: one consistent version, by a quorum read, page by page. It needs no
// informer, whose first list may come from a cache that lags.
func (p *Pods) ListLive(ctx context.Context) ([]*corev1.Pod, error) {
	var pods []*corev1.Pod
	opts := metav1.ListOptions{FieldSelector: p.selector, Limit: listPage}
	for restarts := 0; ; {
		page, err := p.client.CoreV1().Pods(metav1.NamespaceAll).List(ctx, opts)
		if apierrors.IsResourceExpired(err) && opts.Continue != "" && restarts < listRestarts {
			restarts, opts.Continue, pods = restarts+1, "", nil
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("list pods: %w", err)
		}
		for i := range page.Items {
			pods = append(pods, trimPod(&page.Items[i]))
		}
		if opts.Continue = page.Continue; opts.Continue == "" {
			return pods, nil
		}
	}
}
