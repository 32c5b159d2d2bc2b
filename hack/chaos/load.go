package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kube-mesos-extender/kube-mesos-extender/hack/harness"
	"github.com/kube-mesos-extender/kube-mesos-extender/hack/lab"
)

const (
	// slots is how many names there are for pods. All of them together fit on
	// the agents with room to spare.
	slots = 60
	// stepEvery is the mean time between two changes.
	stepEvery = 60 * time.Millisecond
	// callTimeout bounds one call to an API server that may be killed meanwhile.
	callTimeout = 5 * time.Second
)

// load creates and deletes pods, one change at a time.
type load struct {
	*harness.Harness
	random   *rand.Rand
	occupied [slots]bool // as far as the API server's answers tell

	created, deleted, recreated, completing, refused int
}

// run changes something until ctx ends.
func (l *load) run(ctx context.Context) {
	for sleep(ctx, upTo(l.random, 2*stepEvery)) {
		l.step(ctx)
	}
}

// step fills an empty slot, empties a full one, or puts a new pod of the same
// name in the place of one.
func (l *load) step(ctx context.Context) {
	slot, dice := l.random.IntN(slots), l.random.IntN(10)
	switch {
	case !l.occupied[slot]:
		l.create(ctx, slot)
	case dice < 5:
		l.remove(ctx, slot)
	case dice < 8:
		if l.remove(ctx, slot) && l.create(ctx, slot) {
			l.recreated++
		}
	}
}

// pod is a pod of random size; one in three is to complete by itself.
func (l *load) pod(slot int) (pod *corev1.Pod, completes bool) {
	cpu := fmt.Sprintf("%dm", 50+l.random.IntN(900))
	memory := fmt.Sprint(50_000_000 + l.random.IntN(900_000_000)) // bytes
	pod = harness.Pod(fmt.Sprintf("pod-%d", slot), cpu, memory)
	completes = l.random.IntN(3) == 0
	if completes {
		pod.Annotations = map[string]string{lab.CompleteAfter: (time.Second + upTo(l.random, 7*time.Second)).String()}
	}
	return pod, completes
}

func (l *load) create(ctx context.Context, slot int) bool {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	pod, completes := l.pod(slot)
	_, err := l.Client.CoreV1().Pods(pod.Namespace).Create(ctx, pod, metav1.CreateOptions{})
	switch {
	case err == nil:
		l.created++
		l.occupied[slot] = true
		if completes {
			l.completing++
		}
	case apierrors.IsAlreadyExists(err):
		l.occupied[slot] = true
	default:
		l.refused++
	}
	return err == nil
}

// remove deletes the pod of a slot, half of the time without a grace period.
func (l *load) remove(ctx context.Context, slot int) bool {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	grace := int64(l.random.IntN(2))
	err := l.Client.CoreV1().Pods(harness.Namespace).Delete(ctx, fmt.Sprintf("pod-%d", slot), *metav1.NewDeleteOptions(grace))
	switch {
	case err == nil:
		l.deleted++
		l.occupied[slot] = false
	case apierrors.IsNotFound(err):
		l.occupied[slot] = false
	default:
		l.refused++
	}
	return err == nil
}
