package manifests_test

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/kube"
)

// The label that the extender writes, and no other, keeps a node from pods of
// the shipped profile.
func TestSchedulerPassesOverNodesWithoutOffers(t *testing.T) {
	config := schedulerFile(t).Profiles[0].PluginConfig
	if len(config) != 1 || config[0].Name != "NodeAffinity" {
		t.Fatalf("pluginConfig %+v, want that of NodeAffinity", config)
	}
	affinity := config[0].Args.AddedAffinity
	if len(affinity.PreferredDuringSchedulingIgnoredDuringExecution) != 0 {
		t.Error("preferences have no place here")
	}
	selector, err := nodeaffinity.NewNodeSelector(affinity.RequiredDuringSchedulingIgnoredDuringExecution)
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		labels map[string]string
		want   bool
	}{
		"no labels":                     {nil, true},
		"others":                        {map[string]string{"zone": "a"}, true},
		"without offers":                {map[string]string{kube.OffersLabel: kube.NoOffers}, false},
		"some other value of the label": {map[string]string{kube.OffersLabel: "some"}, true},
	}
	for name, tt := range tests {
		node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n", Labels: tt.labels}}
		if got := selector.Match(node); got != tt.want {
			t.Errorf("%s: the node passes: %t, want %t", name, got, tt.want)
		}
		if got := kube.WithoutOffers(node); got == tt.want {
			t.Errorf("%s: the extender counts it among those without offers: %t", name, got)
		}
	}
}

func TestExtenderLabelsNodes(t *testing.T) {
	if !extenderFile(t).Kubernetes.LabelNodesWithoutOffers {
		t.Error("the shipped scheduler passes over labels that nobody writes")
	}
}
