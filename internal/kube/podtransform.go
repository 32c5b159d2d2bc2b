package kube

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// trim is the informer's transform: it keeps of a pod what scheduling on Mesos
// reads, so that tens of thousands of pods fit into memory. Such a pod must
// never be written back as a whole. Objects of other types pass unchanged.
func trim(object any) (any, error) {
	pod, ok := object.(*corev1.Pod)
	if !ok {
		return object, nil
	}
	return trimPod(pod), nil
}

func trimPod(pod *corev1.Pod) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace:                  pod.Namespace,
			Name:                       pod.Name,
			UID:                        pod.UID,
			ResourceVersion:            pod.ResourceVersion,
			CreationTimestamp:          pod.CreationTimestamp,
			DeletionTimestamp:          pod.DeletionTimestamp,
			DeletionGracePeriodSeconds: pod.DeletionGracePeriodSeconds,
			Labels:                     pod.Labels,
			Annotations:                ourAnnotations(pod.Annotations),
		},
		Spec: corev1.PodSpec{
			SchedulerName:     pod.Spec.SchedulerName,
			NodeName:          pod.Spec.NodeName,
			Priority:          pod.Spec.Priority,
			PriorityClassName: pod.Spec.PriorityClassName,
			PreemptionPolicy:  pod.Spec.PreemptionPolicy,
			SchedulingGates:   pod.Spec.SchedulingGates,
			HostNetwork:       pod.Spec.HostNetwork,
			Overhead:          pod.Spec.Overhead,
			Resources:         pod.Spec.Resources,
			InitContainers:    trimContainers(pod.Spec.InitContainers),
			Containers:        trimContainers(pod.Spec.Containers),
		},
		Status: corev1.PodStatus{
			Phase:                 pod.Status.Phase,
			NominatedNodeName:     pod.Status.NominatedNodeName,
			Conditions:            resizeCondition(pod.Status.Conditions),
			ContainerStatuses:     trimStatuses(pod.Status.ContainerStatuses),
			InitContainerStatuses: trimStatuses(pod.Status.InitContainerStatuses),
			Resources:             pod.Status.Resources,
			AllocatedResources:    pod.Status.AllocatedResources,
		},
	}
}

// resizeCondition keeps what the kubelet says of a resize it has not begun.
func resizeCondition(all []corev1.PodCondition) []corev1.PodCondition {
	for i := range all {
		if all[i].Type == corev1.PodResizePending {
			return []corev1.PodCondition{{Type: all[i].Type, Status: all[i].Status, Reason: all[i].Reason}}
		}
	}
	return nil
}

// trimStatuses keeps what the containers have, which is less or more than they
// ask for while they are resized.
func trimStatuses(statuses []corev1.ContainerStatus) []corev1.ContainerStatus {
	var kept []corev1.ContainerStatus
	for i := range statuses {
		if statuses[i].Resources != nil {
			kept = append(kept, corev1.ContainerStatus{
				Name:               statuses[i].Name,
				Resources:          statuses[i].Resources,
				AllocatedResources: statuses[i].AllocatedResources,
			})
		}
	}
	return kept
}

// ourAnnotations keeps the annotations of this project, and drops the likes of
// kubectl's last-applied configuration, which repeats the whole pod.
func ourAnnotations(all map[string]string) map[string]string {
	kept := map[string]string{}
	for _, key := range []string{RoleAnnotation, WakeAnnotation} {
		if value, ok := all[key]; ok {
			kept[key] = value
		}
	}
	return kept
}

// trimContainers keeps what a container asks for.
func trimContainers(containers []corev1.Container) []corev1.Container {
	if containers == nil {
		return nil
	}
	kept := make([]corev1.Container, len(containers))
	for i := range containers {
		kept[i] = corev1.Container{
			Name:          containers[i].Name,
			Ports:         containers[i].Ports,
			Resources:     containers[i].Resources,
			RestartPolicy: containers[i].RestartPolicy,
		}
	}
	return kept
}

// Finished reports whether the pod has ended for good: Succeeded or Failed. Its
// resources are free although the object remains.
func Finished(pod *corev1.Pod) bool {
	return pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
}

// Waiting reports whether kube-scheduler still has to find a node for the pod.
// A pod with scheduling gates is not waiting yet.
func Waiting(pod *corev1.Pod) bool {
	return pod.Spec.NodeName == "" && pod.DeletionTimestamp == nil &&
		len(pod.Spec.SchedulingGates) == 0 && !Finished(pod)
}

// Key returns the pod's namespace/name, as logs show it.
func Key(pod *corev1.Pod) string {
	return types.NamespacedName{Namespace: pod.Namespace, Name: pod.Name}.String()
}
