package app

import (
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/filter"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/kube"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/reservation"
)

func TestEventsOnPods(t *testing.T) {
	inBook := reservation.Pod{Namespace: "default", Name: "a", UID: "uid-a"}
	refused := func(why filter.Reason) func(*replica) {
		return func(r *replica) {
			verdict := filter.Verdict{Unresolvable: map[string]filter.Reason{"plain": filter.InsufficientCPUs, "shared": why}}
			r.Refused(newPod("a", nil), filter.Request{PodUID: "uid-a", Role: "kubernetes"}, verdict)
		}
	}
	tests := map[string]struct {
		happens func(*replica)
		reason  string // empty: no Event
		note    string
	}{
		"reservation lost":                          {func(r *replica) { r.tellLost(inBook) }, reasonLost, noteLost},
		"reservation refused":                       {func(r *replica) { r.tellRefused(inBook) }, reasonRefused, noteRefused},
		"ambiguous node":                            {refused(filter.AmbiguousAgent), reasonAmbiguous, noteAmbiguous},
		"ambiguity decided meanwhile, or no matter": {refused(filter.NoOffers), "", ""},
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
