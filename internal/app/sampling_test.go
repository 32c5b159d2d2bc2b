package app

import (
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/filter"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/kube"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/mesos"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

// hiddenNode is a node with the label of those without offers.
func hiddenNode(name string) *corev1.Node {
	node := newNode(name)
	node.Labels = map[string]string{kube.OffersLabel: kube.NoOffers}
	return node
}

// The label is gone before a pod is pointed at its node, and the pod is woken
// then, whether the manager takes the label off or somebody else does.
func TestPodIsWokenOnceItsNodeIsShown(t *testing.T) {
	for name, byManager := range map[string]bool{"by the manager": true, "by somebody else": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				pod := newPod("a", nil)
				r := newReplica(t, hiddenNode("plain"), pod)
				r.knowing(kube.AgentIdentity{ID: "A1", Hostname: "plain"})
				r.start(r.pods.Run)
				if err := r.pods.Synced(t.Context()); err != nil {
					t.Fatal(err)
				}
				r.start(r.demand.Run)
				r.cache.Reset(1)
				request := filter.Request{PodUID: string(pod.UID), Role: "kubernetes", Need: resources.Scalar(resources.CPUs, 1000)}
				r.Refused(pod, request, filter.Verdict{})
				r.offered("O1", nil)
				time.Sleep(5 * time.Second)
				if r.wakeOf(pod) != "" {
					t.Fatal("woken for a node that kube-scheduler does not show")
				}
				if byManager {
					r.offeredMemory()
					r.start(r.sampling.Run)
				} else {
					r.label("plain", false)
				}
				time.Sleep(time.Second)
				if r.WithoutOffers("plain") {
					t.Error("the label is still there")
				}
				if r.wakeOf(pod) == "" {
					t.Error("not woken although the node is shown")
				}
			})
		})
	}
}

// offeredMemory makes what A1 offers enough for the least pod.
func (r *replica) offeredMemory() {
	r.cache.Add(1, []*resources.Offer{{
		ID: "O3", AgentID: "A1", Role: "kubernetes", Hostname: "plain",
		Portions: []resources.Portion{{Vector: resources.Scalar(resources.Mem, 64_000)}},
	}})
}

// WithoutOffers reports whether a node is labelled, by the kube-apiserver.
func (r *replica) WithoutOffers(node string) bool {
	r.t.Helper()
	current, err := r.cluster.Client().CoreV1().Nodes().Get(r.t.Context(), node, metav1.GetOptions{})
	if err != nil {
		r.t.Fatal(err)
	}
	return kube.WithoutOffers(current)
}

func (r *replica) label(node string, without bool) {
	r.t.Helper()
	if err := kube.LabelWithoutOffers(r.t.Context(), r.cluster.Client(), node, "", without); err != nil {
		r.t.Fatal(err)
	}
}

// Pod a holds a reservation on A1, which has nothing else.
func TestNeeded(t *testing.T) {
	priority := func(value int32, then func(*corev1.Pod)) func(*corev1.Pod) {
		return func(pod *corev1.Pod) { pod.Spec.Priority = &value; then(pod) }
	}
	tests := map[string]struct {
		holder *corev1.Pod
		others []*corev1.Pod
		want   bool
	}{
		"nobody ranks higher":        {newPod("a", priority(5, on("plain"))), []*corev1.Pod{newPod("b", priority(5, on("other")))}, false},
		"a pending pod does":         {newPod("a", priority(5, on("plain"))), []*corev1.Pod{newPod("b", priority(6, on("")))}, true},
		"a running pod does":         {newPod("a", priority(-5, on("plain"))), []*corev1.Pod{newPod("b", priority(0, on("other")))}, true},
		"its own Binding is to come": {newPod("a", on("")), nil, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newReplica(t, hiddenNode("plain"), tt.holder)
				r.knowing(kube.AgentIdentity{ID: "A1", Hostname: "plain"})
				r.start(r.pods.Run)
				r.start(r.reservations.Run)
				r.master.list(oneAgent(reservedForA))
				mesosEvents{App: r.App, ids: make(chan string, 1)}.Subscribed(mesos.Subscription{Generation: 1, FrameworkID: "f"})
				r.start(r.sampling.Run)
				time.Sleep(10 * time.Second)
				if got := r.reservations.On("A1", "kubernetes"); len(got) != 1 {
					t.Fatalf("occupants are %+v, want the pod", got)
				}
				for _, pod := range tt.others {
					if _, err := r.cluster.Client().CoreV1().Pods(pod.Namespace).Create(t.Context(), pod, metav1.CreateOptions{}); err != nil {
						t.Fatal(err)
					}
				}
				time.Sleep(2 * time.Second) // less than the manager takes between two surveys
				if got := r.needed("A1"); got != tt.want {
					t.Errorf("needed: %t, want %t", got, tt.want)
				}
				if got := r.WithoutOffers("plain"); got == tt.want {
					t.Errorf("labelled: %t, want %t", got, !tt.want)
				}
				if r.needed("A2") {
					t.Error("an agent without pods is needed")
				}
			})
		})
	}
}

// What the manager takes for the truth about agents needs more than a pod that
// waits.
func TestDemandCountsOnceReservationsAreKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReplica(t, newNode("plain"), newPod("a", nil))
		r.knowing()
		r.start(r.pods.Run)
		r.start(r.reservations.Run)
		events := mesosEvents{App: r.App, ids: make(chan string, 1)}
		expect := func(when string, want bool) {
			t.Helper()
			time.Sleep(5 * time.Second)
			if got := r.demanded(); got != want {
				t.Errorf("%s: demanded: %t, want %t", when, got, want)
			}
		}
		expect("not subscribed", false)
		events.Subscribed(mesos.Subscription{Generation: 1, FrameworkID: "f"})
		expect("not recovered", false)
		r.master.set(true)
		expect("recovered", true)
		events.Disconnected(1, nil)
		expect("disconnected", false)
	})
}
