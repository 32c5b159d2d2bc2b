package server

import (
	"encoding/json"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// The fields of a pod that decisions are made from, besides what only pods have
// that were placed already.
var (
	podFieldNames        = []string{"metadata", "spec", "status"}
	metadataFieldNames   = []string{"name", "namespace", "uid", "creationTimestamp", "annotations", "ownerReferences"}
	specFieldNames       = []string{"schedulerName", "priority", "hostNetwork", "containers", "initContainers", "overhead", "resources", "affinity", "topologySpreadConstraints", "tolerations"}
	containerFieldNames  = []string{"name", "resources", "ports", "restartPolicy"}
	portFieldNames       = []string{"hostPort", "containerPort"}
	resourceFieldNames   = []string{"requests"}
	ownerFieldNames      = []string{"kind", "controller"}
	tolerationFieldNames = []string{"effect"}
	// placedFieldNames of the status are those of a pod that a kubelet has seen.
	placedFieldNames = []string{"containerStatuses", "initContainerStatuses", "resources", "allocatedResources", "nodeAllocatableResourceClaimStatuses"}
)

// scanPod reads as much of a pod as decisions are made from. The rest may be
// anything that is JSON.
func (c *cursor) scanPod(pod *corev1.Pod) {
	c.fields(podFieldNames, func(i int) {
		switch podFieldNames[i] {
		case "metadata":
			c.scanMetadata(&pod.ObjectMeta)
		case "spec":
			c.scanSpec(&pod.Spec)
		case "status":
			c.fields(placedFieldNames, func(int) { c.odd = true })
		}
	})
}

func (c *cursor) scanMetadata(meta *metav1.ObjectMeta) {
	c.fields(metadataFieldNames, func(i int) {
		switch metadataFieldNames[i] {
		case "name":
			meta.Name = c.text()
		case "namespace":
			meta.Namespace = c.text()
		case "uid":
			meta.UID = types.UID(c.text())
		case "creationTimestamp":
			meta.CreationTimestamp = c.scanTime()
		case "annotations":
			meta.Annotations = map[string]string{}
			c.entries(func(name string) { meta.Annotations[name] = c.text() })
		case "ownerReferences":
			meta.OwnerReferences = scanList(c, c.scanOwner)
		}
	})
}

// scanTime reads a time as metav1.Time does.
func (c *cursor) scanTime() metav1.Time {
	at, err := time.Parse(time.RFC3339, c.text())
	c.odd = c.odd || err != nil
	return metav1.Time{Time: at.Local()}
}

func (c *cursor) scanSpec(spec *corev1.PodSpec) {
	c.fields(specFieldNames, func(i int) {
		switch specFieldNames[i] {
		case "schedulerName":
			spec.SchedulerName = c.text()
		case "priority":
			priority := c.int32()
			spec.Priority = &priority
		case "hostNetwork":
			spec.HostNetwork = c.flag()
		case "containers":
			spec.Containers = scanList(c, c.scanContainer)
		case "initContainers":
			spec.InitContainers = scanList(c, c.scanContainer)
		case "overhead":
			spec.Overhead = c.scanResources()
		case "resources":
			c.into(&spec.Resources)
		case "affinity":
			c.into(&spec.Affinity)
		case "topologySpreadConstraints":
			c.into(&spec.TopologySpreadConstraints)
		case "tolerations":
			spec.Tolerations = scanList(c, c.scanToleration)
		}
	})
}

// scanList reads an array of objects, each by scan.
func scanList[T any](c *cursor, scan func(*T)) []T {
	list := make([]T, 0, 1)
	c.array(func() {
		if c.peek() != '{' { // null is an empty one
			c.odd = true
			return
		}
		list = append(list, *new(T))
		scan(&list[len(list)-1])
	})
	return list
}

func (c *cursor) scanOwner(owner *metav1.OwnerReference) {
	c.fields(ownerFieldNames, func(i int) {
		switch ownerFieldNames[i] {
		case "kind":
			owner.Kind = c.text()
		case "controller":
			controller := c.flag()
			owner.Controller = &controller
		}
	})
}

func (c *cursor) scanToleration(toleration *corev1.Toleration) {
	c.fields(tolerationFieldNames, func(int) { toleration.Effect = corev1.TaintEffect(c.text()) })
}

func (c *cursor) scanContainer(container *corev1.Container) {
	c.fields(containerFieldNames, func(i int) {
		switch containerFieldNames[i] {
		case "name":
			container.Name = c.text()
		case "resources":
			c.fields(resourceFieldNames, func(int) { container.Resources.Requests = c.scanResources() })
		case "ports":
			container.Ports = scanList(c, c.scanPort)
		case "restartPolicy":
			policy := corev1.ContainerRestartPolicy(c.text())
			container.RestartPolicy = &policy
		}
	})
}

func (c *cursor) scanPort(port *corev1.ContainerPort) {
	c.fields(portFieldNames, func(i int) {
		switch portFieldNames[i] {
		case "hostPort":
			port.HostPort = c.int32()
		case "containerPort":
			port.ContainerPort = c.int32()
		}
	})
}

func (c *cursor) scanResources() corev1.ResourceList {
	list := corev1.ResourceList{}
	c.entries(func(name string) {
		var quantity resource.Quantity
		if raw := c.raw(); c.odd || json.Unmarshaler(&quantity).UnmarshalJSON(raw) != nil {
			c.odd = true
			return
		}
		list[corev1.ResourceName(name)] = quantity
	})
	return list
}
