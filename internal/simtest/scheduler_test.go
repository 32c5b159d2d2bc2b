package simtest

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	extenderv1 "k8s.io/kube-scheduler/extender/v1"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/kube"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/reservation"
)

const (
	schedulingTick = 100 * time.Millisecond
	minBackoff     = 500 * time.Millisecond
	maxBackoff     = 4 * time.Second
	flushAfter     = 15 * time.Second // of a pod that no node fits, whatever happens
	bindTimeout    = 13 * time.Second // kube-scheduler's httpTimeout
)

// kubeScheduler does what a stock kube-scheduler does with an extender.
type kubeScheduler struct {
	w *world

	mu      sync.Mutex
	pods    map[types.UID]*queued
	hangUps int // binds to hang up on
}

// queued is a pod in the scheduler's queue.
type queued struct {
	next    time.Time // not before
	backoff time.Duration
	binding bool
	parked  time.Time // when no node fitted; zero if in the queue
	wake    string    // the wake annotation as it was then
}

func newKubeScheduler(w *world) *kubeScheduler {
	return &kubeScheduler{w: w, pods: map[types.UID]*queued{}}
}

func (k *kubeScheduler) run(ctx context.Context) {
	ticker := time.NewTicker(schedulingTick + 1234*time.Nanosecond) // see unevenClock
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		for _, pod := range k.due() {
			k.schedule(ctx, pod)
		}
	}
}

// due lists the pods to try now, in the order of the queue.
func (k *kubeScheduler) due() []*corev1.Pod {
	var out []*corev1.Pod
	now := time.Now()
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, pod := range k.w.pods() {
		if pod.Spec.NodeName != "" || pod.DeletionTimestamp != nil {
			delete(k.pods, pod.UID)
			continue
		}
		q := k.pods[pod.UID]
		if q == nil {
			q = &queued{backoff: minBackoff}
			k.pods[pod.UID] = q
		}
		if !q.parked.IsZero() && (pod.Annotations[kube.WakeAnnotation] != q.wake || now.Sub(q.parked) > flushAfter) {
			q.parked = time.Time{}
		}
		if q.parked.IsZero() && !q.binding && !now.Before(q.next) {
			out = append(out, pod)
		}
	}
	slices.SortStableFunc(out, func(a, b *corev1.Pod) int {
		return cmp.Or(cmp.Compare(priority(b), priority(a)), a.CreationTimestamp.Compare(b.CreationTimestamp.Time), cmp.Compare(a.Name, b.Name))
	})
	return out
}

func priority(pod *corev1.Pod) int32 {
	if pod.Spec.Priority == nil {
		return 0
	}
	return *pod.Spec.Priority
}

// schedule is one scheduling cycle; the bind goes on beside the next ones.
func (k *kubeScheduler) schedule(ctx context.Context, pod *corev1.Pod) {
	nodes := k.w.nodeNames()
	var result extenderv1.ExtenderFilterResult
	err := k.w.call(ctx, "filter", extenderv1.ExtenderArgs{Pod: pod, NodeNames: &nodes}, &result)
	switch {
	case err != nil || result.Error != "":
		k.failed(pod, fmt.Sprint("filter: ", err, result.Error))
	case result.NodeNames == nil || len(*result.NodeNames) == 0:
		k.preempt(ctx, pod)
		k.park(pod)
	default:
		node := k.choose(ctx, pod, *result.NodeNames)
		k.mu.Lock()
		if q := k.pods[pod.UID]; q != nil {
			q.binding = true
		}
		k.mu.Unlock()
		k.w.busy.Go(func() { k.bind(ctx, pod, node) })
	}
}

// choose takes the best node, or now and then another one: kube-scheduler has
// reasons of its own.
func (k *kubeScheduler) choose(ctx context.Context, pod *corev1.Pod, nodes []string) string {
	rng := k.w.dice.rng("choose " + pod.Name)
	best := pick(rng, nodes)
	if rng.IntN(3) == 0 {
		return best
	}
	var scores extenderv1.HostPriorityList
	if err := k.w.call(ctx, "prioritize", extenderv1.ExtenderArgs{Pod: pod, NodeNames: &nodes}, &scores); err != nil {
		return best
	}
	high := int64(-1)
	for _, s := range scores {
		if s.Score > high {
			best, high = s.Host, s.Score
		}
	}
	return best
}

func (k *kubeScheduler) bind(ctx context.Context, pod *corev1.Pod, node string) {
	timeout := bindTimeout
	if k.hangUp() {
		timeout = k.w.dice.between("hang up "+pod.Name, time.Millisecond, time.Second)
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	k.w.story.tell("kube-scheduler: bind %s to %s", shown(pod), node)
	var result extenderv1.ExtenderBindingResult
	err := k.w.call(ctx, "bind", extenderv1.ExtenderBindingArgs{
		PodName: pod.Name, PodNamespace: pod.Namespace, PodUID: pod.UID, Node: node,
	}, &result)
	k.mu.Lock()
	if q := k.pods[pod.UID]; q != nil {
		q.binding = false
	}
	k.mu.Unlock()
	if strings.Contains(result.Error, "knows nothing of the operation") {
		k.w.notMade(pod, node)
	}
	if strings.Contains(result.Error, reservation.ErrWithdrawn.Error()) {
		k.w.withdrawn(pod, node)
	}
	if err != nil || result.Error != "" {
		k.failed(pod, fmt.Sprint("bind: ", err, " ", result.Error))
		return
	}
	k.w.bound(pod, node)
}

func (k *kubeScheduler) hangUp() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.hangUps == 0 {
		return false
	}
	k.hangUps--
	return true
}

// failed backs off.
func (k *kubeScheduler) failed(pod *corev1.Pod, why string) {
	k.w.story.tell("kube-scheduler: %s failed, %s", shown(pod), strings.ReplaceAll(why, "\n", " "))
	k.mu.Lock()
	defer k.mu.Unlock()
	if q := k.pods[pod.UID]; q != nil {
		q.next = time.Now().Add(q.backoff)
		q.backoff = min(2*q.backoff, maxBackoff)
	}
}

// park sets a pod aside until something wakes it.
func (k *kubeScheduler) park(pod *corev1.Pod) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if q := k.pods[pod.UID]; q != nil {
		q.parked, q.wake = time.Now(), pod.Annotations[kube.WakeAnnotation]
	}
}

// preempt deletes pods of less priority if the extender agrees.
func (k *kubeScheduler) preempt(ctx context.Context, pod *corev1.Pod) {
	victims := k.victims(pod)
	if len(victims) == 0 {
		return
	}
	var result extenderv1.ExtenderPreemptionResult
	err := k.w.call(ctx, "preempt", extenderv1.ExtenderPreemptionArgs{Pod: pod, NodeNameToMetaVictims: victims}, &result)
	if err != nil || len(result.NodeNameToMetaVictims) == 0 {
		return
	}
	var nodes []string
	for node := range result.NodeNameToMetaVictims {
		nodes = append(nodes, node)
	}
	node := slices.Min(nodes)
	for _, victim := range result.NodeNameToMetaVictims[node].Pods {
		for _, other := range k.w.pods() {
			if string(other.UID) == victim.UID {
				k.w.story.tell("kube-scheduler: %s evicts %s from %s", shown(pod), shown(other), node)
				k.w.deletePod(other)
			}
		}
	}
}

// victims proposes, on every node, to evict all pods of less priority.
func (k *kubeScheduler) victims(pod *corev1.Pod) map[string]*extenderv1.MetaVictims {
	out := map[string]*extenderv1.MetaVictims{}
	if priority(pod) == 0 {
		return out
	}
	for _, other := range k.w.pods() {
		if other.Spec.NodeName == "" || priority(other) >= priority(pod) || other.DeletionTimestamp != nil || ended(other) {
			continue
		}
		if out[other.Spec.NodeName] == nil {
			out[other.Spec.NodeName] = &extenderv1.MetaVictims{}
		}
		list := out[other.Spec.NodeName]
		list.Pods = append(list.Pods, &extenderv1.MetaPod{UID: string(other.UID)})
	}
	return out
}

func shown(pod metav1.Object) string { return pod.GetName() + "/" + string(pod.GetUID()) }

func ended(pod *corev1.Pod) bool {
	return pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
}
