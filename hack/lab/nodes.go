package lab

import (
	"context"
	"fmt"
	"maps"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

const (
	// defaultPods is a node's pod capacity when NodeSpec.Pods is 0.
	defaultPods = 250
	// writers is how many nodes are created at the same time.
	writers = 32
)

// NodeSpec is one fake node. Capacity and allocatable are the same.
type NodeSpec struct {
	Name string
	// Address is the node's InternalIP; none when empty.
	Address string
	// CPUMillis is in millicores, MemoryMiB and EphemeralStorageMiB are in MiB.
	CPUMillis           int64
	MemoryMiB           int64
	EphemeralStorageMiB int64
	// Pods is how many pods fit; 0 means 250.
	Pods int64
	// Extended holds extended resources by name, for example nvidia.com/gpu.
	Extended map[corev1.ResourceName]int64
	// Labels come beside kubernetes.io/hostname, os and arch.
	Labels map[string]string
	// Annotations come beside the one by which KWOK knows its nodes.
	Annotations map[string]string
	Taints      []corev1.Taint
}

// CreateNodes creates nodes that KWOK manages, Ready from the start, several at
// a time. It stops at the first error; nodes created by then stay.
func CreateNodes(ctx context.Context, client kubernetes.Interface, specs []NodeSpec) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(writers)
	for _, spec := range specs {
		group.Go(func() error {
			if _, err := client.CoreV1().Nodes().Create(ctx, spec.node(), metav1.CreateOptions{}); err != nil {
				return fmt.Errorf("create node %s: %w", spec.Name, err)
			}
			return nil
		})
	}
	return group.Wait()
}

func (s NodeSpec) node() *corev1.Node {
	node := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{
			Name: s.Name,
			Labels: map[string]string{
				corev1.LabelHostname:   s.Name,
				corev1.LabelOSStable:   "linux",
				corev1.LabelArchStable: "amd64",
			},
			Annotations: map[string]string{managedKey: managedValue},
		},
		Spec: corev1.NodeSpec{Taints: s.Taints},
		Status: corev1.NodeStatus{
			Capacity:    s.capacity(),
			Allocatable: s.capacity(),
			Conditions:  readyConditions(),
			Addresses:   s.addresses(),
		},
	}
	maps.Copy(node.Labels, s.Labels)
	maps.Copy(node.Annotations, s.Annotations)
	return node
}

func (s NodeSpec) capacity() corev1.ResourceList {
	pods := s.Pods
	if pods == 0 {
		pods = defaultPods
	}
	list := corev1.ResourceList{
		corev1.ResourceCPU:              *resource.NewMilliQuantity(s.CPUMillis, resource.DecimalSI),
		corev1.ResourceMemory:           *resource.NewQuantity(s.MemoryMiB<<20, resource.BinarySI),
		corev1.ResourceEphemeralStorage: *resource.NewQuantity(s.EphemeralStorageMiB<<20, resource.BinarySI),
		corev1.ResourcePods:             *resource.NewQuantity(pods, resource.DecimalSI),
	}
	for name, amount := range s.Extended {
		list[name] = *resource.NewQuantity(amount, resource.DecimalSI)
	}
	return list
}

func (s NodeSpec) addresses() []corev1.NodeAddress {
	addresses := []corev1.NodeAddress{{Type: corev1.NodeHostName, Address: s.Name}}
	if s.Address != "" {
		addresses = append(addresses, corev1.NodeAddress{Type: corev1.NodeInternalIP, Address: s.Address})
	}
	return addresses
}

// readyConditions are those of a healthy kubelet. Setting them at creation saves
// KWOK one write for every node.
func readyConditions() []corev1.NodeCondition {
	now := metav1.Now()
	conditions := []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue, Reason: "KubeletReady"}}
	for _, trouble := range []corev1.NodeConditionType{
		corev1.NodeMemoryPressure, corev1.NodeDiskPressure, corev1.NodePIDPressure, corev1.NodeNetworkUnavailable,
	} {
		conditions = append(conditions, corev1.NodeCondition{Type: trouble, Status: corev1.ConditionFalse})
	}
	for i := range conditions {
		conditions[i].LastHeartbeatTime, conditions[i].LastTransitionTime = now, now
	}
	return conditions
}
