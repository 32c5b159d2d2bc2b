package main

import (
	"encoding/json"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// node is a node of a cloud's size and habits, about 2.5 kB as JSON.
func node(i int) *corev1.Node {
	name := nodeName(i)
	now := metav1.NewTime(time.Unix(1_700_000_000, 0))
	amounts := corev1.ResourceList{
		corev1.ResourceCPU: resource.MustParse("16"), corev1.ResourceMemory: resource.MustParse("64Gi"),
		corev1.ResourceEphemeralStorage: resource.MustParse("200Gi"), corev1.ResourcePods: resource.MustParse("110"),
	}
	n := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{
			Name: name, UID: types.UID(fmt.Sprintf("7c1b4b1e-3b0c-4f57-9f5e-%012d", i)), ResourceVersion: "1000", CreationTimestamp: now,
			Labels: map[string]string{
				corev1.LabelHostname: name, corev1.LabelArchStable: "amd64", corev1.LabelOSStable: "linux",
				corev1.LabelTopologyRegion: "eu-1", corev1.LabelTopologyZone: fmt.Sprintf("eu-1%c", 'a'+i%3),
				corev1.LabelInstanceTypeStable: "m-16", "example.com/rack": fmt.Sprintf("r%d", i/40),
			},
			Annotations: map[string]string{"node.alpha.kubernetes.io/ttl": "0"},
		},
		Spec: corev1.NodeSpec{PodCIDR: fmt.Sprintf("10.%d.%d.0/24", i/256%256, i%256), ProviderID: "cloud:///eu-1/" + name},
		Status: corev1.NodeStatus{
			Capacity: amounts, Allocatable: amounts,
			Addresses: []corev1.NodeAddress{
				{Type: corev1.NodeInternalIP, Address: fmt.Sprintf("10.%d.%d.%d", 128+i/65536, i/256%256, i%256)},
				{Type: corev1.NodeHostName, Address: name},
			},
			NodeInfo: corev1.NodeSystemInfo{KernelVersion: "6.8.0", OSImage: "Linux", ContainerRuntimeVersion: "containerd://2.1.0", KubeletVersion: "v1.36.3", Architecture: "amd64", OperatingSystem: "linux"},
		},
	}
	for _, kind := range []corev1.NodeConditionType{corev1.NodeReady, corev1.NodeMemoryPressure, corev1.NodeDiskPressure, corev1.NodePIDPressure} {
		n.Status.Conditions = append(n.Status.Conditions, corev1.NodeCondition{
			Type: kind, Status: corev1.ConditionTrue, Reason: "KubeletReports" + string(kind),
			Message: "kubelet reports " + string(kind), LastHeartbeatTime: now, LastTransitionTime: now,
		})
	}
	return n
}

// podSerial stands where calls put their own number, so that no two are alike.
const podSerial = "000000000000"

// pod is a pod as kube-scheduler sends it, with 16 labels and requests of 2 CPUs
// and 1 GiB, about 2 kB as JSON.
func pod() *corev1.Pod {
	amounts := corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("2"), corev1.ResourceMemory: resource.MustParse("1Gi")}
	labels := map[string]string{}
	for i := range 16 {
		labels[fmt.Sprintf("example.com/label-%02d", i)] = fmt.Sprintf("value-of-%02d", i)
	}
	grace, priority, yes := int64(30), int32(0), true
	return &corev1.Pod{
		TypeMeta: metav1.TypeMeta{},
		ObjectMeta: metav1.ObjectMeta{
			Name: "web-" + podSerial, GenerateName: "web-7d4b9c6f5-", Namespace: "production",
			UID: types.UID("1f0e6c1a-52a4-4c7e-8d6b-" + podSerial), ResourceVersion: "184467", Labels: labels,
			CreationTimestamp: metav1.NewTime(time.Unix(1_700_000_000, 0)),
			OwnerReferences:   []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: "web-7d4b9c6f5", UID: "2b9f0c0a-9a51-4c0b-8a3c-0d6f6f1b7a10", Controller: &yes}},
		},
		Spec: corev1.PodSpec{
			SchedulerName: "mesos-scheduler", RestartPolicy: corev1.RestartPolicyAlways, DNSPolicy: corev1.DNSClusterFirst,
			ServiceAccountName: "web", Priority: &priority, TerminationGracePeriodSeconds: &grace,
			Containers: []corev1.Container{{
				Name: "web", Image: "registry.example.com/web:1.42.0", ImagePullPolicy: corev1.PullIfNotPresent,
				Args:           []string{"--listen=:8080", "--log-level=info"},
				Ports:          []corev1.ContainerPort{{Name: "http", ContainerPort: 8080, Protocol: corev1.ProtocolTCP}},
				Env:            []corev1.EnvVar{{Name: "REGION", Value: "eu-1"}, {Name: "GOMAXPROCS", Value: "2"}},
				Resources:      corev1.ResourceRequirements{Requests: amounts, Limits: amounts},
				VolumeMounts:   []corev1.VolumeMount{{Name: "config", MountPath: "/etc/web", ReadOnly: true}},
				ReadinessProbe: &corev1.Probe{PeriodSeconds: 10, ProbeHandler: corev1.ProbeHandler{Exec: &corev1.ExecAction{Command: []string{"/bin/ready"}}}},
			}},
			Volumes: []corev1.Volume{{Name: "config", VolumeSource: corev1.VolumeSource{
				ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: "web"}},
			}}},
			Tolerations: []corev1.Toleration{{Key: "node.kubernetes.io/not-ready", Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute, TolerationSeconds: &grace}},
		},
		Status: corev1.PodStatus{Phase: corev1.PodPending, QOSClass: corev1.PodQOSGuaranteed},
	}
}

// podJSON is pod as it is sent.
func podJSON() []byte {
	content, err := json.Marshal(pod())
	if err != nil {
		panic(err) // it is made right here
	}
	return content
}
