package simtest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

const namespace = "default"

// pods lists our pods as the kube-apiserver has them, oldest name first.
func (w *world) pods() []*corev1.Pod {
	list, err := w.kube.Client().CoreV1().Pods(namespace).List(w.ctx, metav1.ListOptions{})
	if err != nil {
		return nil
	}
	var out []*corev1.Pod
	for i := range list.Items {
		if list.Items[i].Spec.SchedulerName == schedulerName {
			out = append(out, &list.Items[i])
		}
	}
	slices.SortFunc(out, func(a, b *corev1.Pod) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// createPod makes a pod under a new name, or under one that is free again.
func (w *world) createPod() {
	w.made++
	name := fmt.Sprintf("pod-%02d", w.made)
	if len(w.names) > 0 && w.rng.IntN(3) == 0 {
		name = pick(w.rng, w.names)
	}
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: name, UID: types.UID(fmt.Sprintf("uid-%02d", w.made)),
			CreationTimestamp: metav1.NewTime(time.Now()),
		},
		Spec: corev1.PodSpec{SchedulerName: schedulerName, Containers: []corev1.Container{w.container()}},
	}
	if w.rng.IntN(5) == 0 {
		high := int32(1000)
		pod.Spec.Priority = &high
	}
	_, err := w.kube.Client().CoreV1().Pods(namespace).Create(w.ctx, pod, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		return
	}
	w.story.tell("pod %s created: %s", shown(pod), requested(pod))
	if !slices.Contains(w.names, name) {
		w.names = append(w.names, name)
	}
}

func (w *world) container() corev1.Container {
	c := corev1.Container{Name: "main", Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{
		corev1.ResourceCPU:    *resource.NewMilliQuantity(pick(w.rng, []int64{250, 500, 1000, 1500, 2000, 3000}), resource.DecimalSI),
		corev1.ResourceMemory: *resource.NewQuantity(pick(w.rng, []int64{64, 256, 512, 1024})<<20, resource.BinarySI),
	}}}
	if w.rng.IntN(5) == 0 {
		c.Ports = []corev1.ContainerPort{{ContainerPort: 80, HostPort: int32(31000 + w.rng.IntN(3))}}
	}
	return c
}

// request is what a pod of createPod asks for.
type request struct {
	cpus, mem float64
	port      int32 // 0: none
}

func (r request) String() string { return fmt.Sprintf("cpus:%g;mem:%g;port:%d", r.cpus, r.mem, r.port) }

func requested(pod *corev1.Pod) request {
	c := pod.Spec.Containers[0]
	r := request{
		cpus: float64(c.Resources.Requests.Cpu().MilliValue()) / 1000,
		mem:  float64(c.Resources.Requests.Memory().Value() >> 20),
	}
	if len(c.Ports) > 0 {
		r.port = c.Ports[0].HostPort
	}
	return r
}

// deletePod deletes a pod: at once, or after its grace if it may run.
func (w *world) deletePod(pod *corev1.Pod) {
	pods := w.kube.Client().CoreV1().Pods(namespace)
	current, err := pods.Get(w.ctx, pod.Name, metav1.GetOptions{})
	if err != nil || current.UID != pod.UID || current.DeletionTimestamp != nil {
		return
	}
	remove := func() {
		if now, err := pods.Get(w.ctx, pod.Name, metav1.GetOptions{}); err == nil && now.UID == pod.UID {
			w.story.tell("pod %s deleted", shown(pod))
			_ = pods.Delete(w.ctx, pod.Name, metav1.DeleteOptions{}) // found just now
		}
	}
	if current.Spec.NodeName == "" || ended(current) || w.dice.chance("grace", 2) {
		remove()
		return
	}
	now := metav1.Now()
	current.DeletionTimestamp = &now
	if _, err := pods.Update(w.ctx, current, metav1.UpdateOptions{}); err != nil {
		return
	}
	w.story.tell("pod %s is being deleted", shown(pod))
	grace := w.dice.between("grace of "+pod.Name, 0, 2*time.Second)
	w.busy.Go(func() { time.Sleep(grace); remove() })
}

// finishPod lets a bound pod succeed.
func (w *world) finishPod(pod *corev1.Pod) {
	pod.Status.Phase = corev1.PodSucceeded
	if _, err := w.kube.Client().CoreV1().Pods(namespace).UpdateStatus(w.ctx, pod, metav1.UpdateOptions{}); err == nil {
		w.story.tell("pod %s succeeded", shown(pod))
	}
}
