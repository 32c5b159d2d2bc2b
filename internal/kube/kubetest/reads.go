package kubetest

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	kubetesting "k8s.io/client-go/testing"
)

// listPods honours the field selector, which the fake clientset ignores.
func (c *Cluster) listPods(action kubetesting.Action) (bool, runtime.Object, error) {
	list, ok := action.(kubetesting.ListAction)
	if !ok {
		return false, nil, nil
	}
	_, object, err := kubetesting.ObjectReaction(c.client.Tracker())(action)
	if err != nil {
		return true, nil, err
	}
	pods, ok := object.(*corev1.PodList)
	if !ok {
		return true, nil, fmt.Errorf("not a list of pods: %T", object)
	}
	selected := &corev1.PodList{ListMeta: pods.ListMeta}
	for _, pod := range pods.Items {
		if selects(list.GetListRestrictions().Fields, &pod) {
			selected.Items = append(selected.Items, pod)
		}
	}
	return true, selected, nil
}

// watchPods does the same for watches.
func (c *Cluster) watchPods(action kubetesting.Action) (bool, watch.Interface, error) {
	selector := fields.Everything()
	var opts metav1.ListOptions
	if restricted, ok := action.(kubetesting.WatchActionImpl); ok {
		selector, opts = restricted.WatchRestrictions.Fields, restricted.ListOptions
	}
	if f := c.due(action); f != nil {
		return true, nil, f.err
	}
	stream, err := c.client.Tracker().Watch(podsResource, action.GetNamespace(), opts)
	if err != nil {
		return true, nil, err
	}
	return true, watch.Filter(stream, func(event watch.Event) (watch.Event, bool) {
		pod, ok := event.Object.(*corev1.Pod)
		return event, !ok || selects(selector, pod)
	}), nil
}

// selects applies those fields that tests use.
func selects(selector fields.Selector, pod *corev1.Pod) bool {
	return selector == nil || selector.Matches(fields.Set{
		"spec.schedulerName": pod.Spec.SchedulerName,
		"spec.nodeName":      pod.Spec.NodeName,
		"status.phase":       string(pod.Status.Phase),
		"metadata.name":      pod.Name,
		"metadata.namespace": pod.Namespace,
	})
}
