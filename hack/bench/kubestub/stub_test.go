package kubestub

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"go.uber.org/zap"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/kube"
)

func start(t *testing.T, nodes int) kubernetes.Interface {
	t.Helper()
	s, err := Start(func(yield func(*corev1.Node) bool) {
		for i := range nodes {
			if !yield(&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "node-" + strconv.Itoa(i), ResourceVersion: "1"}}) {
				return
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	file := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(file, []byte(s.Kubeconfig()), 0o600); err != nil {
		t.Fatal(err)
	}
	client, _, err := kube.Connect(file, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func TestInformerSeesAllNodes(t *testing.T) {
	client := start(t, 300)
	informer := informers.NewSharedInformerFactory(client, 0).Core().V1().Nodes().Informer()
	go informer.RunWithContext(t.Context())
	if !cache.WaitForCacheSync(t.Context().Done(), informer.HasSynced) {
		t.Fatal("not synced")
	}
	if got := len(informer.GetStore().ListKeys()); got != 300 {
		t.Errorf("want 300 nodes, got %d", got)
	}
}

func TestLists(t *testing.T) {
	client := start(t, 3)
	nodes, err := client.CoreV1().Nodes().List(t.Context(), metav1.ListOptions{})
	if err != nil || len(nodes.Items) != 3 || nodes.Items[2].Name != "node-2" {
		t.Errorf("nodes: got %v, %v", nodes, err)
	}
	pods, err := client.CoreV1().Pods("").List(t.Context(), metav1.ListOptions{})
	if err != nil || len(pods.Items) != 0 {
		t.Errorf("pods: got %v, %v", pods, err)
	}
}

func TestLease(t *testing.T) {
	leases := start(t, 0).CoordinationV1().Leases("kube-system")
	if _, err := leases.Get(t.Context(), "l", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("want not found, got %v", err)
	}
	holder := "me"
	made, err := leases.Create(t.Context(), &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Name: "l"}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	made.Spec.HolderIdentity = &holder
	if _, err := leases.Update(t.Context(), made, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	got, err := leases.Get(t.Context(), "l", metav1.GetOptions{})
	if err != nil || got.Spec.HolderIdentity == nil || *got.Spec.HolderIdentity != holder || got.ResourceVersion == made.ResourceVersion {
		t.Errorf("want the Lease as updated, got %v, %v", got, err)
	}
}
