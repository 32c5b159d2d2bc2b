package kube

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	kubetesting "k8s.io/client-go/testing"
	"k8s.io/utils/clock"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/kube/kubetest"
)

// busyNode is a node with much that is not ours.
func busyNode() *corev1.Node {
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{
			Name: "n1", UID: "uid-n1",
			Labels:      map[string]string{"zone": "a", "kube-mesos-extender.io/other": "x"},
			Annotations: map[string]string{"note": "y"},
		},
		Spec:   corev1.NodeSpec{Taints: []corev1.Taint{{Key: "t", Effect: corev1.TaintEffectNoSchedule}}},
		Status: corev1.NodeStatus{Addresses: []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: "10.0.0.1"}}},
	}
}

func TestLabelChangesNothingElse(t *testing.T) {
	cluster := kubetest.New(busyNode())
	get := func() *corev1.Node {
		node, err := cluster.Client().CoreV1().Nodes().Get(t.Context(), "n1", metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		node.ResourceVersion = ""
		return node
	}
	put := func(without bool) {
		t.Helper()
		if err := LabelWithoutOffers(t.Context(), cluster.Client(), "n1", "uid-n1", without); err != nil {
			t.Fatal(err)
		}
	}
	put(true)
	want := busyNode()
	want.Labels[OffersLabel] = NoOffers
	if diff := cmp.Diff(want, get()); diff != "" {
		t.Errorf("labelled (-want +got):\n%s", diff)
	}
	put(false)
	if diff := cmp.Diff(busyNode(), get()); diff != "" {
		t.Errorf("label taken off (-want +got):\n%s", diff)
	}
	for _, action := range cluster.Actions("patch", "nodes") {
		patch := action.(kubetesting.PatchAction)
		t.Logf("%s %s", patch.GetPatchType(), patch.GetPatch())
		if patch.GetPatchType() != types.MergePatchType {
			t.Errorf("a patch of type %s", patch.GetPatchType())
		}
	}
}

func TestLabelOfANodeThatIsGone(t *testing.T) {
	down := errors.New("connection refused")
	tests := map[string]struct {
		node string
		uid  types.UID
		fail error
		want error
	}{
		"gone":       {"n2", "uid-n2", nil, nil},
		"made anew":  {"n1", "uid-before", nil, nil},
		"unreadable": {"n1", "uid-n1", down, down},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			cluster := kubetest.New(busyNode())
			if tt.fail != nil {
				cluster.Fail("patch", "nodes", 1, tt.fail)
			}
			if err := LabelWithoutOffers(t.Context(), cluster.Client(), tt.node, tt.uid, true); !errors.Is(err, tt.want) {
				t.Errorf("error %v, want %v", err, tt.want)
			}
			node, err := cluster.Client().CoreV1().Nodes().Get(t.Context(), "n1", metav1.GetOptions{})
			if err != nil || WithoutOffers(node) {
				t.Errorf("n1 is labelled, or %v", err)
			}
		})
	}
}

// The informer tells of labels that were there before it, and of each that goes:
// by a patch, with its node, or with a node that is made anew.
func TestNodesKnowTheLabel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before := busyNode()
		before.Labels[OffersLabel] = NoOffers
		cluster := kubetest.New(before)
		nodes, err := NewNodes(cluster.Client(), zap.NewNop(), clock.RealClock{})
		if err != nil {
			t.Fatal(err)
		}
		var gone []string
		nodes.OnOffersAgain(func(node string) { gone = append(gone, node) })
		run(t, nodes)
		check := func(when string, carries bool, told int) {
			t.Helper()
			pass(time.Second)
			if got := nodes.WithoutOffers("n1"); got != carries || nodes.CountWithoutOffers() != map[bool]int{true: 1}[carries] {
				t.Errorf("%s: the label is there: %t, want %t (%d in all)", when, got, carries, nodes.CountWithoutOffers())
			}
			if !slices.Equal(gone, slices.Repeat([]string{"n1"}, told)) {
				t.Errorf("%s: told of %v, want n1 %d times", when, gone, told)
			}
			if node, ok := nodes.Node("n1"); ok && WithoutOffers(node) != carries {
				t.Errorf("%s: the trimmed node has labels %v", when, node.Labels)
			}
		}
		label := func(without bool) {
			t.Helper()
			if err := LabelWithoutOffers(t.Context(), cluster.Client(), "n1", "uid-n1", without); err != nil {
				t.Fatal(err)
			}
		}
		check("at the start", true, 0)
		label(false)
		check("taken off", false, 1)
		label(true)
		check("put on", true, 1)
		if err := cluster.Client().CoreV1().Nodes().Delete(t.Context(), "n1", metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		check("node deleted", false, 2)
	})
}

func TestNodesListsAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		other := busyNode()
		other.Name, other.UID = "n2", "uid-n2"
		nodes, _ := startNodes(t, kubetest.New(busyNode(), other).Client())
		var names []string
		for node := range nodes.All() {
			names = append(names, node.Name+" "+string(node.UID))
		}
		slices.Sort(names)
		if want := []string{"n1 uid-n1", "n2 uid-n2"}; !slices.Equal(names, want) {
			t.Errorf("nodes %v, want %v", names, want)
		}
		for range nodes.All() {
			break // must stop
		}
		if _, ok := nodes.Node("n3"); ok {
			t.Error("there is a node n3")
		}
	})
}
