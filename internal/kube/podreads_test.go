package kube

import (
	"errors"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	kubetesting "k8s.io/client-go/testing"
	resourcehelper "k8s.io/component-helpers/resource"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/kube/kubetest"
)

// pager answers list calls page by page and notes what was asked.
type pager struct {
	pages   map[string]*corev1.PodList // by continue token
	expires int                        // how many times a continue token is refused
	asked   []string
}

func (p *pager) list(action kubetesting.Action) (bool, runtime.Object, error) {
	opts := action.(kubetesting.ListActionImpl).ListOptions
	p.asked = append(p.asked, opts.FieldSelector+" rv="+opts.ResourceVersion+" continue="+opts.Continue)
	if opts.Continue != "" && p.expires > 0 {
		p.expires--
		return true, nil, apierrors.NewResourceExpired("the provided continue parameter is too old")
	}
	return true, p.pages[opts.Continue], nil
}

func page(next string, pods ...string) *corev1.PodList {
	list := &corev1.PodList{ListMeta: metav1.ListMeta{Continue: next}}
	for i, name := range pods {
		list.Items = append(list.Items, *newPod(name, strconv.Itoa(i)))
	}
	return list
}

func TestListLive(t *testing.T) {
	first := "spec.schedulerName=mesos-scheduler rv= continue="
	cases := map[string]struct {
		expires int
		want    []string
		asked   []string
		fails   bool
	}{
		"page by page":                   {want: []string{"a", "b", "c"}, asked: []string{first, first + "2"}},
		"an expired page begins again":   {expires: 1, want: []string{"a", "b", "c"}, asked: []string{first, first + "2", first, first + "2"}},
		"one that always expires is not": {expires: 100, fails: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			pages := &pager{expires: tc.expires, pages: map[string]*corev1.PodList{"": page("2", "a", "b"), "2": page("", "c")}}
			client := fake.NewSimpleClientset()
			client.PrependReactor("list", "pods", pages.list)
			pods, err := NewPods(client, ours, zap.NewNop())
			if err != nil {
				t.Fatal(err)
			}
			got, err := pods.ListLive(t.Context())
			if tc.fails {
				if !apierrors.IsResourceExpired(err) {
					t.Fatalf("ListLive = %v, %v; want the expiry", names(got), err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, names(got)); diff != "" {
				t.Errorf("pods (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.asked, pages.asked); diff != "" {
				t.Errorf("requests (-want +got):\n%s", diff)
			}
		})
	}
}

func TestLive(t *testing.T) {
	down := errors.New("connection refused")
	cluster := kubetest.New(newPod("a", "uid-a"))
	pods, err := NewPods(cluster.Client(), ours, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	if pod, err := pods.Live(t.Context(), "default", "a"); err != nil || pod.UID != "uid-a" {
		t.Errorf("Live = %v, %v", pod, err)
	}
	if _, err := pods.Live(t.Context(), "default", "b"); !errors.Is(err, ErrPodGone) {
		t.Errorf("Live of a pod that does not exist = %v, want ErrPodGone", err)
	}
	cluster.Fail("get", "pods", 1, down)
	if _, err := pods.Live(t.Context(), "default", "a"); !errors.Is(err, down) || errors.Is(err, ErrPodGone) {
		t.Errorf("Live without a kube-apiserver = %v, want its error and never ErrPodGone", err)
	}
}

// fullPod uses everything that a request is made of, and some ballast.
func fullPod() *corev1.Pod {
	amount := func(cpu, memory string) corev1.ResourceRequirements {
		return corev1.ResourceRequirements{Requests: corev1.ResourceList{
			corev1.ResourceCPU: resource.MustParse(cpu), corev1.ResourceMemory: resource.MustParse(memory),
		}}
	}
	always := corev1.ContainerRestartPolicyAlways
	pod := newPod("full", "uid-full")
	pod.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "kubectl"}}
	pod.Annotations = map[string]string{RoleAnnotation: "k8s/batch", corev1.LastAppliedConfigAnnotation: "{}"}
	pod.Spec.Overhead = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("10m")}
	pod.Spec.Volumes = []corev1.Volume{{Name: "scratch"}}
	pod.Spec.InitContainers = []corev1.Container{
		{Name: "sidecar", RestartPolicy: &always, Resources: amount("100m", "64Mi")},
		{Name: "setup", Resources: amount("3", "1Gi")},
	}
	pod.Spec.Containers = []corev1.Container{{
		Name: "main", Image: "example", Env: []corev1.EnvVar{{Name: "A", Value: "B"}},
		Resources: amount("1", "2Gi"), Ports: []corev1.ContainerPort{{HostPort: 8080}},
	}}
	return pod
}

func TestTrimKeepsTheRequest(t *testing.T) {
	full := fullPod()
	object, err := trim(full)
	if err != nil {
		t.Fatal(err)
	}
	trimmed := object.(*corev1.Pod)
	want := resourcehelper.PodRequests(full, resourcehelper.PodResourcesOptions{})
	got := resourcehelper.PodRequests(trimmed, resourcehelper.PodResourcesOptions{})
	if diff := cmp.Diff(want, got); diff != "" || len(got) == 0 {
		t.Errorf("requests of the trimmed pod (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]string{RoleAnnotation: "k8s/batch"}, trimmed.Annotations); diff != "" {
		t.Errorf("annotations (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(full.Spec.Containers[0].Ports, trimmed.Spec.Containers[0].Ports); diff != "" {
		t.Errorf("ports (-want +got):\n%s", diff)
	}
	if trimmed.ManagedFields != nil || trimmed.Spec.Volumes != nil || trimmed.Spec.Containers[0].Env != nil {
		t.Errorf("ballast was kept: %+v", trimmed)
	}
	if other, err := trim("no pod"); err != nil || other != "no pod" {
		t.Errorf("trim of something else = %v, %v", other, err)
	}
}

// A pod that is being resized needs what its status says too.
func TestTrimKeepsTheResize(t *testing.T) {
	amount := func(cpu string) corev1.ResourceList {
		return corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(cpu)}
	}
	status := func(name, cpu string) corev1.ContainerStatus {
		return corev1.ContainerStatus{
			Name: name, Image: "example", AllocatedResources: amount(cpu),
			Resources: &corev1.ResourceRequirements{Requests: amount(cpu)},
		}
	}
	options := resourcehelper.PodResourcesOptions{UseStatusResources: true, InPlacePodLevelResourcesVerticalScalingEnabled: true}
	for _, reason := range []string{corev1.PodReasonDeferred, corev1.PodReasonInfeasible} {
		t.Run(reason, func(t *testing.T) {
			full := fullPod()
			full.Status.ContainerStatuses = []corev1.ContainerStatus{status("main", "500m"), {Name: "no-resources"}}
			full.Status.InitContainerStatuses = []corev1.ContainerStatus{status("sidecar", "700m"), status("setup", "1")}
			full.Status.Conditions = []corev1.PodCondition{
				{Type: corev1.PodReady, Status: corev1.ConditionTrue},
				{Type: corev1.PodResizePending, Status: corev1.ConditionTrue, Reason: reason, Message: "long"},
			}
			trimmed := trimPod(full)
			want := resourcehelper.PodRequests(full, options)
			if diff := cmp.Diff(want, resourcehelper.PodRequests(trimmed, options)); diff != "" {
				t.Errorf("requests of the trimmed pod (-want +got):\n%s", diff)
			}
			if len(trimmed.Status.Conditions) != 1 || len(trimmed.Status.ContainerStatuses) != 1 ||
				trimmed.Status.ContainerStatuses[0].Image != "" {
				t.Errorf("ballast was kept: %+v", trimmed.Status)
			}
		})
	}
}
