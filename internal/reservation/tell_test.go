package reservation

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/mesos"
)

// told drains a channel of UIDs.
func told(uids <-chan string) []string {
	var out []string
	for {
		select {
		case uid := <-uids:
			out = append(out, uid)
		default:
			return out
		}
	}
}

// The messages are the recorded ones, but for the ACL's, which is the one of
// src/master/master.cpp.
func TestScenario37PermanentRefusalIsTold(t *testing.T) {
	invalid := "Operation attempted with invalid resources: Resource 'cpus(allocated: kubernetes)' is invalid: Invalid refined reservation"
	tests := map[string]struct {
		state   mesos.OperationState
		message string
		want    []string
	}{
		"role": {mesos.OperationError, "A reserve operation was attempted for a resource with role 'other', but the resource was allocated to role 'kubernetes'", []string{"p1"}},
		"principal": {mesos.OperationError, "A reserve operation was attempted by authenticated principal 'p1', " +
			"which does not match a reserved resource in the request with principal 'p2'", []string{"p1"}},
		"ACL":                    {mesos.OperationError, "Not authorized to reserve resources as 'extender'", []string{"p1"}},
		"form":                   {mesos.OperationError, invalid, []string{"p1"}},
		"stale offer":            {mesos.OperationError, "Operation attempted with invalid offers: Offer O5 is no longer valid", nil},
		"resources gone by then": {mesos.OperationError, "cpus(allocated: kubernetes):1 does not contain cpus(allocated: kubernetes):2", nil},
		"dropped":                {mesos.OperationDropped, invalid, nil},
		"failed":                 {mesos.OperationFailed, "", nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			inHouse(t, func(t *testing.T, h *house) {
				h.offer(offerOf("o1", agent1, unreserved(one)))
				a := h.reserve("p1", agent1, one)
				h.Status(mesos.OperationStatus{OperationID: h.operation(1, 0).ID, State: tt.state, Message: tt.message})
				h.mustFail(a, ErrNotReserved)
				if diff := cmp.Diff(tt.want, told(h.refused)); diff != "" {
					t.Errorf("told of (-want +got):\n%s", diff)
				}
				h.accepts(1) // no tight retry
				h.wantQuiet()
			})
		})
	}
}

func TestRefusedUnreserveIsNoNewsForThePod(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		h.offer(offerOf("o1", agent1, unreserved(one)))
		h.bound(1, "p1", one)
		h.Release("p1", "deleted")
		h.offer(offerOf("o2", agent1, reservedFor("p1", one)))
		h.Status(mesos.OperationStatus{
			OperationID: h.operation(2, 0).ID, State: mesos.OperationError, Message: "Not authorized to unreserve resources as 'extender'",
		})
		if got := told(h.refused); got != nil {
			t.Errorf("told of %v", got)
		}
	})
}

func TestLossIsToldOfBoundPodsOnly(t *testing.T) {
	tests := map[string]struct {
		outcome Outcome
		want    []string
	}{
		"bound":   {PodBound, []string{"p1"}},
		"unbound": {Undecided, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			inHouse(t, func(t *testing.T, h *house) {
				h.offer(offerOf("o1", agent1, unreserved(one)))
				a := h.reserve("p1", agent1, one)
				h.finish(h.operation(1, 0))
				h.mustReserve(a)
				h.pods.set("p1", Liveness{Alive: true})
				h.Settle(a.req, tt.outcome)
				time.Sleep(testOptions.AuditInterval + 5*auditPause) // the list has nothing of it
				h.wantState("p1", agent1, 0)
				if diff := cmp.Diff(tt.want, told(h.lost)); diff != "" {
					t.Errorf("told of (-want +got):\n%s", diff)
				}
			})
		})
	}
}
