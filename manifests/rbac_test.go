package manifests_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/utils/clock"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/kube"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/kube/kubetest"
)

// TestRulesAreWhatTheExtenderUses makes every call that internal/kube can make
// and compares them with the rules: none is missing and none too many.
func TestRulesAreWhatTheExtenderUses(t *testing.T) {
	var used []string
	synctest.Test(t, func(t *testing.T) { used = calls(t) })
	s := load(t, "base")
	rules := slices.Concat(named[*rbacv1.ClusterRole](t, s, extender).Rules, named[*rbacv1.Role](t, s, extender).Rules)
	if diff := cmp.Diff(used, spell(rules)); diff != "" {
		t.Errorf("calls (-used +allowed):\n%s", diff)
	}
}

// spell writes rules as "verb group/resource", sorted.
func spell(rules []rbacv1.PolicyRule) []string {
	var spelled []string
	for _, rule := range rules {
		for _, verb := range rule.Verbs {
			for _, resource := range rule.Resources {
				spelled = append(spelled, verb+" "+rule.APIGroups[0]+"/"+resource)
			}
		}
	}
	slices.Sort(spelled)
	return slices.Compact(spelled)
}

// calls exercises internal/kube and returns the calls it made, as spell does.
func calls(t *testing.T) []string {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "a", UID: "uid-a"},
		Spec:       corev1.PodSpec{SchedulerName: "mesos-scheduler"},
	}
	cluster := kubetest.New(pod)
	client := cluster.Client()
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	defer running.Wait()
	defer stop()
	start := func(run func(context.Context) error) { running.Go(func() { must(t, run(ctx)) }) }

	pods, err := kube.NewPods(client, "mesos-scheduler", zap.NewNop())
	must(t, err)
	nodes, err := kube.NewNodes(client, zap.NewNop(), clock.RealClock{})
	must(t, err)
	events := kube.NewEvents(client, "extender-0", zap.NewNop(), clock.RealClock{})
	lease, err := kube.NewLease(client, kube.LeaseOptions{Namespace: "kube-system", Name: extender, Identity: "a"}, zap.NewNop(), clock.RealClock{})
	must(t, err)
	start(pods.Run)
	start(nodes.Run)
	start(events.Run)
	start(func(ctx context.Context) error {
		return lease.Run(ctx, func(ctx context.Context) error { <-ctx.Done(); return nil })
	})
	settle()

	_, err = pods.ListLive(ctx)
	must(t, err)
	_, err = pods.Live(ctx, "default", "a")
	must(t, err)
	_, err = lease.FrameworkID(ctx)
	must(t, err)
	must(t, lease.SaveFrameworkID(ctx, "framework-1"))
	must(t, kube.Wake(ctx, client, pod, "", time.Now()))
	must(t, kube.Wake(ctx, client, pod, "node", time.Now()))
	_, err = kube.Fence(ctx, client, pod, time.Now())
	must(t, err)
	must(t, kube.PostBinding(ctx, client, pod, "node"))
	must(t, kube.LabelWithoutOffers(ctx, client, "node", "uid-node", true))
	for range 2 {
		events.Normal(pod, "Reserved", "resources reserved")
		settle()
	}
	return spelled(client.(*fake.Clientset))
}

// spelled returns the calls that the client made.
func spelled(client *fake.Clientset) []string {
	var made []string
	for _, action := range client.Actions() {
		resource := strings.TrimSuffix(action.GetResource().Resource+"/"+action.GetSubresource(), "/")
		made = append(made, action.GetVerb()+" "+action.GetResource().Group+"/"+resource)
	}
	slices.Sort(made)
	return slices.Compact(made)
}

// settle lets informers, the election and the Event queue come to rest.
func settle() {
	time.Sleep(5 * time.Minute)
	synctest.Wait()
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
}
