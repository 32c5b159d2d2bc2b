package app

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/filter"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/kube"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/mesos"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/reservation"
)

func TestEventsOnPods(t *testing.T) {
	inBook := reservation.Pod{Namespace: "default", Name: "a", UID: "uid-a"}
	refused := func(why filter.Reason) func(*replica) {
		return func(r *replica) {
			verdict := filter.Verdict{Reasons: map[filter.Reason]int{filter.InsufficientCPUs: 1, why: 1}}
			r.Refused(newPod("a", nil), filter.Request{PodUID: "uid-a", Role: "kubernetes"}, verdict)
		}
	}
	tests := map[string]struct {
		happens func(*replica)
		reason  string // empty: no Event
		note    string
	}{
		"reservation lost":    {func(r *replica) { r.tellLost(inBook) }, reasonLost, noteLost},
		"reservation refused": {func(r *replica) { r.tellRefused(inBook) }, reasonRefused, noteRefused},
		"ambiguous node":      {refused(filter.AmbiguousAgent), reasonAmbiguous, noteAmbiguous},
		"other reasons":       {refused(filter.NoOffers), "", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newReplica(t, newNode("plain"), newNode("shared"))
				r.knowing(kube.AgentIdentity{ID: "A1", Hostname: "plain"},
					kube.AgentIdentity{ID: "A2", Hostname: "shared"}, kube.AgentIdentity{ID: "A3", Hostname: "shared"})
				r.start(r.events.Run)
				tt.happens(r)
				tt.happens(r) // is not told again
				synctest.Wait()
				type told struct{ Type, Reason, Note, UID string }
				var got, want []told
				for _, event := range r.written() {
					got = append(got, told{event.Type, event.Reason, event.Note, string(event.Regarding.UID)})
				}
				if tt.reason != "" {
					want = []told{{corev1.EventTypeWarning, tt.reason, tt.note, "uid-a"}}
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("Events (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// oneAgent is an agent as GET_AGENTS shows it; reserved is JSON too.
func oneAgent(reserved string) string {
	return `{"agent_info":{"id":{"value":"A1"},"hostname":"plain"},"active":true,"version":"1.12.0",
		"pid":"slave(1)@127.0.0.1:5161","capabilities":[{"type":"AGENT_OPERATION_FEEDBACK"}],"total_resources":[` + reserved + `]}`
}

const reservedForA = `{"name":"cpus","type":"SCALAR","scalar":{"value":1},"reservations":[{"type":"DYNAMIC","role":"kubernetes","labels":{"labels":[
	{"key":"kube-mesos-extender.io/cluster","value":"berlin"},{"key":"kube-mesos-extender.io/namespace","value":"default"},
	{"key":"kube-mesos-extender.io/pod","value":"a"},{"key":"kube-mesos-extender.io/pod-uid","value":"uid-a"}]}}]}`

// The whole way: a reservation that an agent had and has no more, while its pod
// runs there.
func TestPodIsToldOfItsLostReservation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReplica(t, newNode("plain"), newPod("a", on("plain")))
		r.knowing()
		r.start(r.events.Run)
		r.start(r.reservations.Run)
		r.master.list(oneAgent(reservedForA))
		mesosEvents{App: r.App, ids: make(chan string, 1)}.Subscribed(mesos.Subscription{Generation: 1, FrameworkID: "f"})
		time.Sleep(10 * time.Second)
		if got := r.reservations.On("A1", "kubernetes"); len(got) != 1 || got[0].UID != "uid-a" {
			t.Fatalf("occupants are %+v, want the pod", got)
		}
		r.master.list(oneAgent(""))
		time.Sleep(5 * time.Minute)
		if got := r.written(); len(got) != 1 || got[0].Reason != reasonLost || got[0].Regarding.Name != "a" {
			t.Errorf("Events are %+v, want one of the loss", got)
		}
	})
}
