package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

const namespace = metav1.NamespaceDefault

// TestControlPlane walks one real control plane through its life. The steps
// share it because they build on one another.
func TestControlPlane(t *testing.T) {
	ctx := t.Context()
	if _, err := Build(ctx, os.Stderr); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	c, err := Start(ctx, Options{Name: "lab-test", KWOK: true, Scheduler: &SchedulerOptions{}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Stop)
	t.Logf("up in %s", time.Since(began))
	client := kubernetes.NewForConfigOrDie(c.RESTConfig())

	steps := []struct {
		name string
		run  func(t *testing.T, c *ControlPlane, client kubernetes.Interface)
	}{
		{"pods are bound and run", testPodsRun},
		{"graceful deletion is prompt", testGracefulDeletion},
		{"annotated pods complete", testPodsComplete},
		{"a second start is refused", testSecondStart},
		{"a service account may do what it is granted only", testServiceAccount},
		{"the API server comes back with its data", testRestartAPIServer},
		{"schedulers start and stop by name", testSchedulers},
		{"nothing outlives stop", testStop},
	}
	for _, step := range steps {
		if !t.Run(step.name, func(t *testing.T) { step.run(t, c, client) }) {
			t.Fatalf("logs are in %s", c.Dir())
		}
	}
}

func testPodsRun(t *testing.T, _ *ControlPlane, client kubernetes.Interface) {
	began := time.Now()
	createTestNodes(t, client, 10)
	t.Logf("10 nodes in %s", time.Since(began))
	createTestPods(t, client, 20, nil)
	awaitPods(t, client, "20 running pods", func(pods []corev1.Pod) bool {
		return len(pods) == 20 && countPhase(pods, corev1.PodRunning) == 20
	})
	t.Logf("20 pods running %s after the first node", time.Since(began))
	for _, pod := range listPods(t, client) {
		if pod.Spec.NodeName == "" || pod.Status.PodIP == "" {
			t.Errorf("running pod %s: node %q, address %q", pod.Name, pod.Spec.NodeName, pod.Status.PodIP)
		}
	}
	node, err := client.CoreV1().Nodes().Get(t.Context(), "node-0003", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	gpus := node.Status.Allocatable["nvidia.com/gpu"]
	if gpus.Value() != 2 || node.Labels["zone"] != "z1" || len(node.Spec.Taints) != 0 {
		t.Errorf("node-0003: %d GPUs, labels %v, taints %v", gpus.Value(), node.Labels, node.Spec.Taints)
	}
}

// testGracefulDeletion deletes with the pods' own grace period of 30 seconds.
func testGracefulDeletion(t *testing.T, _ *ControlPlane, client kubernetes.Interface) {
	began := time.Now()
	deletePods(t, client, metav1.DeleteOptions{})
	awaitNoPods(t, client)
	if took := time.Since(began); took > 15*time.Second {
		t.Errorf("20 pods took %s to go: KWOK waits for their grace period", took)
	}
	t.Logf("20 pods gone in %s", time.Since(began))
}

func testPodsComplete(t *testing.T, _ *ControlPlane, client kubernetes.Interface) {
	createTestPods(t, client, 3, map[string]string{CompleteAfter: "100ms"})
	awaitPods(t, client, "3 succeeded pods", func(pods []corev1.Pod) bool {
		return countPhase(pods, corev1.PodSucceeded) == 3
	})
	deletePods(t, client, *metav1.NewDeleteOptions(0))
	awaitNoPods(t, client)
}

func testSecondStart(t *testing.T, c *ControlPlane, _ kubernetes.Interface) {
	if _, err := Start(t.Context(), Options{Name: "lab-test"}); !errors.Is(err, errLocked) {
		t.Errorf("second control plane of the same name: %v, want %v", err, errLocked)
	}
	if err := c.StartKWOK(t.Context()); !errors.Is(err, errRunning) {
		t.Errorf("second KWOK: %v, want %v", err, errRunning)
	}
}

func testServiceAccount(t *testing.T, c *ControlPlane, admin kubernetes.Interface) {
	ctx := t.Context()
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "reader"}}
	if _, err := admin.CoreV1().ServiceAccounts(namespace).Create(ctx, account, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	grantPodReading(t, admin, account.Name)
	path, err := c.ServiceAccountKubeconfig(ctx, namespace, account.Name)
	if err != nil {
		t.Fatal(err)
	}
	config, err := clientcmd.BuildConfigFromFlags("", path)
	if err != nil {
		t.Fatal(err)
	}
	reader := kubernetes.NewForConfigOrDie(config)
	if err := poll(ctx, func(ctx context.Context) (bool, error) { // the authorizer's informer needs a moment
		_, err := reader.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{})
		return err == nil, nil
	}); err != nil {
		t.Errorf("granted list of pods: %v", err)
	}
	if _, err := reader.CoreV1().Nodes().List(ctx, metav1.ListOptions{}); !apierrors.IsForbidden(err) {
		t.Errorf("list of nodes, which is not granted: %v, want forbidden", err)
	}
	if err := reader.CoreV1().Pods(namespace).Delete(ctx, "any", metav1.DeleteOptions{}); !apierrors.IsForbidden(err) {
		t.Errorf("deletion of a pod, which is not granted: %v, want forbidden", err)
	}
	if _, err := c.ServiceAccountKubeconfig(ctx, namespace, "absent"); !apierrors.IsNotFound(err) {
		t.Errorf("token for an account that does not exist: %v, want not found", err)
	}
}

func testRestartAPIServer(t *testing.T, c *ControlPlane, client kubernetes.Interface) {
	before := c.URL()
	c.KillAPIServer()
	if _, err := client.CoreV1().Nodes().List(t.Context(), metav1.ListOptions{}); err == nil {
		t.Error("the API server answers after it was killed")
	}
	if err := c.RestartAPIServer(t.Context()); err != nil {
		t.Fatal(err)
	}
	nodes, err := client.CoreV1().Nodes().List(t.Context(), metav1.ListOptions{})
	if err != nil || len(nodes.Items) != 10 || c.URL() != before {
		t.Errorf("after the restart: %v, at %s (was %s)", err, c.URL(), before)
	}
	createTestPods(t, client, 5, nil) // scheduler and KWOK have to find their way back
	awaitPods(t, client, "5 running pods", func(pods []corev1.Pod) bool { return countPhase(pods, corev1.PodRunning) == 5 })
	deletePods(t, client, *metav1.NewDeleteOptions(0))
	awaitNoPods(t, client)
}

func testSchedulers(t *testing.T, c *ControlPlane, client kubernetes.Interface) {
	c.StopScheduler("")
	second := SchedulerOptions{Name: "second", ConfigYAML: []byte(`
apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
profiles: [{schedulerName: default-scheduler}]
`)}
	createTestPods(t, client, 2, nil)
	if err := c.StartScheduler(t.Context(), second); err != nil {
		t.Fatal(err)
	}
	awaitPods(t, client, "2 running pods", func(pods []corev1.Pod) bool { return countPhase(pods, corev1.PodRunning) == 2 })
	broken := SchedulerOptions{Name: "broken", ConfigYAML: []byte("kind: NoSuchKind\napiVersion: v9")}
	if err := c.StartScheduler(t.Context(), broken); !errors.Is(err, errExited) {
		t.Errorf("scheduler with a broken configuration: %v, want %v", err, errExited)
	}
}

func testStop(t *testing.T, c *ControlPlane, _ kubernetes.Interface) {
	var pids []int
	for _, p := range c.running {
		pids = append(pids, p.cmd.Process.Pid)
	}
	if len(pids) != 4 {
		t.Errorf("%d processes run before stop, want etcd, API server, KWOK and one scheduler", len(pids))
	}
	began := time.Now()
	c.Stop()
	c.Stop()
	t.Logf("stopped in %s", time.Since(began))
	for _, pid := range pids {
		if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
			t.Errorf("process %d after stop: %v, want %v", pid, err, syscall.ESRCH)
		}
	}
	if conn, err := net.Dial("tcp", address(c.apiPort)); err == nil {
		_ = conn.Close()
		t.Error("something listens on the API server's port after stop")
	}
	if err := c.StartKWOK(t.Context()); !errors.Is(err, errStopped) {
		t.Errorf("start after stop: %v, want %v", err, errStopped)
	}
	if _, err := os.Stat(filepath.Join(c.Dir(), "kube-apiserver.log")); err != nil {
		t.Errorf("the logs should stay: %v", err)
	}
}

func createTestNodes(t *testing.T, client kubernetes.Interface, count int) {
	t.Helper()
	specs := make([]NodeSpec, count)
	for i := range specs {
		specs[i] = NodeSpec{
			Name: fmt.Sprintf("node-%04d", i), Address: fmt.Sprintf("10.1.%d.%d", i/250, i%250+1),
			CPUMillis: 16_000, MemoryMiB: 64 << 10, EphemeralStorageMiB: 100 << 10,
			Extended: map[corev1.ResourceName]int64{"nvidia.com/gpu": 2}, Labels: map[string]string{"zone": "z1"},
		}
	}
	if err := CreateNodes(t.Context(), client, specs); err != nil {
		t.Fatal(err)
	}
}

func createTestPods(t *testing.T, client kubernetes.Interface, count int, annotations map[string]string) {
	t.Helper()
	group, ctx := errgroup.WithContext(t.Context())
	group.SetLimit(writers)
	for i := range count {
		group.Go(func() error {
			pod := &corev1.Pod{
				ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("pod-%04d", i), Annotations: annotations},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "main", Image: "none"}}},
			}
			_, err := client.CoreV1().Pods(namespace).Create(ctx, pod, metav1.CreateOptions{})
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
}

func deletePods(t *testing.T, client kubernetes.Interface, options metav1.DeleteOptions) {
	t.Helper()
	if err := client.CoreV1().Pods(namespace).DeleteCollection(t.Context(), options, metav1.ListOptions{}); err != nil {
		t.Fatal(err)
	}
}

func grantPodReading(t *testing.T, admin kubernetes.Interface, account string) {
	t.Helper()
	role := &rbacv1.Role{
		ObjectMeta: metav1.ObjectMeta{Name: "pod-reader"},
		Rules:      []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"pods"}, Verbs: []string{"list"}}},
	}
	if _, err := admin.RbacV1().Roles(namespace).Create(t.Context(), role, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	binding := &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "pod-reader"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: role.Name},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: namespace, Name: account}},
	}
	if _, err := admin.RbacV1().RoleBindings(namespace).Create(t.Context(), binding, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
}

func listPods(t *testing.T, client kubernetes.Interface) []corev1.Pod {
	t.Helper()
	pods, err := client.CoreV1().Pods(namespace).List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return pods.Items
}

func awaitNoPods(t *testing.T, client kubernetes.Interface) {
	t.Helper()
	awaitPods(t, client, "no pods", func(pods []corev1.Pod) bool { return len(pods) == 0 })
}

func awaitPods(t *testing.T, client kubernetes.Interface, want string, reached func([]corev1.Pod) bool) {
	t.Helper()
	var last []corev1.Pod
	err := poll(t.Context(), func(context.Context) (bool, error) {
		last = listPods(t, client)
		return reached(last), nil
	})
	if err != nil {
		t.Fatalf("want %s, have %d pods, %d of them running: %v", want, len(last), countPhase(last, corev1.PodRunning), err)
	}
}

func poll(ctx context.Context, done wait.ConditionWithContextFunc) error {
	return wait.PollUntilContextTimeout(ctx, 50*time.Millisecond, time.Minute, true, done)
}

func countPhase(pods []corev1.Pod, phase corev1.PodPhase) int {
	count := 0
	for i := range pods {
		if pods[i].Status.Phase == phase {
			count++
		}
	}
	return count
}
