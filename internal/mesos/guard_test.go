package mesos

import (
	"errors"
	"maps"
	"math"
	"strings"
	"testing"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/master"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler/calls"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

// tampered builds a valid ACCEPT with one RESERVE and lets f change its
// message, as a mistake anywhere above the guard could.
func tampered(f func(a *scheduler.Call_Accept, r *mesos.Resource)) *scheduler.Call {
	call := encodeAccept(reserveOne(1, "O0", "op-1")).With(calls.Framework("f"))
	f(call.Accept, &call.Accept.Operations[0].Reserve.Resources[0])
	return call
}

func nothing(*scheduler.Call_Accept, *mesos.Resource) {}

// tampering changes a valid ACCEPT, or the first resource of its RESERVE.
type tampering map[string]func(a *scheduler.Call_Accept, r *mesos.Resource)

func badResources() tampering {
	return tampering{
		"zero scalar":         func(_ *scheduler.Call_Accept, r *mesos.Resource) { r.Scalar.Value = 0 },
		"scalar below 1/1000": func(_ *scheduler.Call_Accept, r *mesos.Resource) { r.Scalar.Value = 0.0004 },
		"negative scalar":     func(_ *scheduler.Call_Accept, r *mesos.Resource) { r.Scalar.Value = -1 },
		"NaN":                 func(_ *scheduler.Call_Accept, r *mesos.Resource) { r.Scalar.Value = math.NaN() },
		"infinite":            func(_ *scheduler.Call_Accept, r *mesos.Resource) { r.Scalar.Value = math.Inf(1) },
		"no scalar":           func(_ *scheduler.Call_Accept, r *mesos.Resource) { r.Scalar = nil },
		"no type":             func(_ *scheduler.Call_Accept, r *mesos.Resource) { r.Type = nil },
		"no name":             func(_ *scheduler.Call_Accept, r *mesos.Resource) { r.Name = "" },
		"empty ranges": func(_ *scheduler.Call_Accept, r *mesos.Resource) {
			kind := mesos.RANGES
			r.Name, r.Type, r.Scalar, r.Ranges = "ports", &kind, nil, &mesos.Value_Ranges{}
		},
		"inverted range": func(_ *scheduler.Call_Accept, r *mesos.Resource) {
			kind := mesos.RANGES
			r.Name, r.Type, r.Scalar = "ports", &kind, nil
			r.Ranges = &mesos.Value_Ranges{Range: []mesos.Value_Range{{Begin: 2, End: 1}}}
		},
		"set": func(_ *scheduler.Call_Accept, r *mesos.Resource) {
			kind := mesos.SET
			r.Type, r.Scalar, r.Set = &kind, nil, &mesos.Value_Set{}
		},
		"disk info":             func(_ *scheduler.Call_Accept, r *mesos.Resource) { r.Disk = &mesos.Resource_DiskInfo{} },
		"provider":              func(_ *scheduler.Call_Accept, r *mesos.Resource) { r.ProviderID = &mesos.ResourceProviderID{} },
		"old role":              func(_ *scheduler.Call_Accept, r *mesos.Resource) { r.Role = new("k8s") },
		"no allocation role":    func(_ *scheduler.Call_Accept, r *mesos.Resource) { r.AllocationInfo = nil },
		"allocation role *":     func(_ *scheduler.Call_Accept, r *mesos.Resource) { r.AllocationInfo.Role = new("*") },
		"no reservation":        func(_ *scheduler.Call_Accept, r *mesos.Resource) { r.Reservations = nil },
		"reservation to *":      func(_ *scheduler.Call_Accept, r *mesos.Resource) { r.Reservations[0].Role = new("*") },
		"reservation elsewhere": func(_ *scheduler.Call_Accept, r *mesos.Resource) { r.Reservations[0].Role = new("other") },
		"reservation to an ancestor": func(a *scheduler.Call_Accept, r *mesos.Resource) {
			r.AllocationInfo.Role = new("k8s/pods")
			a.OfferIDs[0].Value = "unknown"
		},
		"static reservation": func(_ *scheduler.Call_Accept, r *mesos.Resource) {
			kind := mesos.Resource_ReservationInfo_STATIC
			r.Reservations[0].Type = &kind
		},
		"untyped reservation": func(_ *scheduler.Call_Accept, r *mesos.Resource) { r.Reservations[0].Type = nil },
		"no refinement": func(_ *scheduler.Call_Accept, r *mesos.Resource) {
			r.Reservations = append(r.Reservations, r.Reservations[0]) // trap T11
		},
	}
}

func badOperations() tampering {
	return tampering{
		"no resources": func(a *scheduler.Call_Accept, _ *mesos.Resource) { a.Operations[0].Reserve.Resources = nil },
		"source": func(a *scheduler.Call_Accept, r *mesos.Resource) {
			a.Operations[0].Reserve.Source = []mesos.Resource{*r} // trap T12
		},
		"unknown operation": func(a *scheduler.Call_Accept, _ *mesos.Resource) {
			a.Operations[0].Type = mesos.Offer_Operation_UNKNOWN
		},
		"type without message": func(a *scheduler.Call_Accept, _ *mesos.Resource) {
			a.Operations[0].Type = mesos.Offer_Operation_UNRESERVE
		},
		"launch": func(a *scheduler.Call_Accept, _ *mesos.Resource) {
			a.Operations[0].Launch = &mesos.Offer_Operation_Launch{}
		},
		"empty ID": func(a *scheduler.Call_Accept, _ *mesos.Resource) { a.Operations[0].ID.Value = "" },
		"ID twice": func(a *scheduler.Call_Accept, _ *mesos.Resource) {
			a.Operations = append(a.Operations, a.Operations[0])
		},
		"no offers":         func(a *scheduler.Call_Accept, _ *mesos.Resource) { a.OfferIDs = nil },
		"empty offer ID":    func(a *scheduler.Call_Accept, _ *mesos.Resource) { a.OfferIDs[0].Value = "" },
		"negative refusal":  func(a *scheduler.Call_Accept, _ *mesos.Resource) { *a.Filters.RefuseSeconds = -1 },
		"refusal for ever":  func(a *scheduler.Call_Accept, _ *mesos.Resource) { *a.Filters.RefuseSeconds = math.Inf(1) },
		"role of the offer": func(a *scheduler.Call_Accept, _ *mesos.Resource) { a.OfferIDs[0].Value = "of-other-role" }, // trap T9
		"several agents": func(a *scheduler.Call_Accept, _ *mesos.Resource) { // trap T4
			a.OfferIDs = append(a.OfferIDs, mesos.OfferID{Value: "of-other-agent"})
		},
		"two roles": func(a *scheduler.Call_Accept, _ *mesos.Resource) {
			second := reserveOne(1, "O0", "op-2").Operations[0]
			second.Role, second.Portions[0].Layers[0].Role = "b", "b"
			a.OfferIDs[0].Value = "unknown"
			a.Operations = append(a.Operations, encodeOperation(second))
		},
	}
}

// Trap T18: each of these ended a real master, or would be dropped in silence.
func TestGuardRefusesAccepts(t *testing.T) {
	all := badOperations()
	maps.Copy(all, badResources())
	for name, change := range all {
		t.Run(name, func(t *testing.T) {
			g := newGuard("")
			if err := g.scheduler(tampered(change), testLedger()); !errors.Is(err, ErrDeadly) {
				t.Errorf("passed: %v", err)
			}
			// Nothing of a refused call counts as sent.
			if err := g.scheduler(tampered(nothing), testLedger()); err != nil {
				t.Errorf("the good call is refused: %v", err)
			}
		})
	}
}

func testLedger() *ledger {
	l := &ledger{}
	l.add([]*resources.Offer{
		{ID: "O0", AgentID: "S0", Role: "k8s"},
		{ID: "of-other-agent", AgentID: "S1", Role: "k8s"},
		{ID: "of-other-role", AgentID: "S0", Role: "b"},
	})
	return l
}

func TestGuardPassesWhatTheExtenderSends(t *testing.T) {
	static := resources.Layer{Role: "k8s"}
	pod := resources.Layer{Dynamic: true, Role: "k8s/pods", Principal: "me", Labels: []resources.Label{{Key: "uid", Value: "1"}}}
	mine := resources.Vector{Ports: resources.NewRanges(resources.Range{Begin: 1, End: 2}, resources.Range{Begin: 4, End: 4})}.
		Add(resources.Scalar("cpus", 1)).Add(resources.Scalar("mem", 64000))
	handOver := Accept{OfferIDs: []string{"a", "b"}, Refuse: time.Second, Operations: []Operation{
		{ID: "1", Type: Unreserve, Role: "k8s/pods", Portions: []resources.Portion{{Layers: []resources.Layer{static, pod}, Vector: mine}}},
		{ID: "2", Type: Reserve, Role: "k8s/pods", Portions: []resources.Portion{
			{Layers: []resources.Layer{static, pod}, Vector: mine}, {Layers: []resources.Layer{pod}, Vector: mine},
		}},
		{Type: Unreserve, Role: "k8s/pods", Portions: []resources.Portion{{Layers: []resources.Layer{{Dynamic: true, Role: "k8s"}}, Vector: mine}}},
	}}
	call := encodeAccept(handOver).With(calls.Framework("f"))
	if err := newGuard("me").scheduler(call, &ledger{}); err != nil {
		t.Error(err)
	}
}

// Trap T10.
func TestGuardWantsThePrincipal(t *testing.T) {
	for principal, want := range map[string]bool{"": true, "me": false} {
		err := newGuard(principal).scheduler(tampered(nothing), &ledger{})
		if (err == nil) != want {
			t.Errorf("framework principal %q, reservation without: %v", principal, err)
		}
	}
}

// Trap T15: an operation ID is used once, even if its call never arrived.
func TestGuardRefusesUsedOperationIDs(t *testing.T) {
	g := newGuard("")
	if err := g.scheduler(tampered(nothing), &ledger{}); err != nil {
		t.Fatal(err)
	}
	if err := g.scheduler(tampered(nothing), &ledger{}); !errors.Is(err, ErrDeadly) || !strings.Contains(err.Error(), "op-1") {
		t.Errorf("the same ID again: %v", err)
	}
}

func TestRecentForgetsTheOldestOnly(t *testing.T) {
	r := newRecent[int, int](100)
	for i := range 1000 {
		r.put(i, i)
	}
	for i := 900; i < 1000; i++ {
		if v, ok := r.get(i); !ok || v != i {
			t.Errorf("%d forgotten", i)
		}
	}
	if n := len(r.young) + len(r.old); n > 200 {
		t.Errorf("%d remembered", n)
	}
}

// Trap T14: an acknowledgement names exactly what the status named.
func TestGuardAcknowledgesOnlyWhatItReceived(t *testing.T) {
	status := OperationStatus{OperationID: "op", AgentID: "S0", UUID: []byte("0123456789abcdef")}
	for name, change := range map[string]func(*OperationStatus){
		"other agent":     func(s *OperationStatus) { s.AgentID = "S1" },
		"no agent":        func(s *OperationStatus) { s.AgentID = "" },
		"other operation": func(s *OperationStatus) { s.OperationID = "op-2" },
		"no operation":    func(s *OperationStatus) { s.OperationID = "" },
		"other UUID":      func(s *OperationStatus) { s.UUID = []byte("0123456789abcdeX") },
		"no UUID":         func(s *OperationStatus) { s.UUID = nil },
		"short UUID":      func(s *OperationStatus) { s.UUID = []byte("abc") },
	} {
		g := newGuard("")
		g.received(status)
		bad := status
		change(&bad)
		if err := g.scheduler(ackCall(bad), nil); !errors.Is(err, ErrDeadly) {
			t.Errorf("%s: %v", name, err)
		}
		for range 2 { // the agent may send a status again, and we acknowledge it again
			if err := g.scheduler(ackCall(status), nil); err != nil {
				t.Errorf("the status itself: %v", err)
			}
		}
	}
	if err := newGuard("").scheduler(ackCall(status), nil); !errors.Is(err, ErrDeadly) {
		t.Errorf("never received: %v", err)
	}
}

func ackCall(s OperationStatus) *scheduler.Call {
	return calls.AcknowledgeOperationStatus(s.AgentID, s.ResourceProviderID, s.UUID, s.OperationID).With(calls.Framework("f"))
}

func TestGuardRefusesOtherCalls(t *testing.T) {
	ok := map[scheduler.Call_Type]bool{scheduler.Call_REVIVE: true, scheduler.Call_SUPPRESS: true, scheduler.Call_TEARDOWN: true}
	for kind := scheduler.Call_Type(-1); kind < 30; kind++ {
		call := (&scheduler.Call{Type: kind}).With(calls.Framework("f"))
		if err := newGuard("").scheduler(call, &ledger{}); errors.Is(err, ErrDeadly) == ok[kind] {
			t.Errorf("bare call of type %s: %v", kind, err)
		}
		call.FrameworkID = nil
		if err := newGuard("").scheduler(call, &ledger{}); !errors.Is(err, ErrDeadly) {
			t.Errorf("call of type %s without framework ID: %v", kind, err)
		}
	}
	for kind := master.Call_Type(-1); kind < 50; kind++ {
		err := newGuard("").operator(&master.Call{Type: kind})
		if reads := kind == master.Call_GET_AGENTS || kind == master.Call_GET_OPERATIONS; errors.Is(err, ErrDeadly) == reads {
			t.Errorf("bare operator call of type %s: %v", kind, err)
		}
	}
}

func TestGuardChecksNamesAndIDs(t *testing.T) {
	info := testConfig("x").Framework
	info.FailoverTimeout = time.Hour
	noTimeout, star := info, info
	noTimeout.FailoverTimeout = 0
	star.Roles = []string{"k8s", "*"}
	for name, tt := range map[string]struct {
		call *scheduler.Call
		ok   bool
	}{
		"subscribe":                     {info.subscribeCall(""), true},
		"subscribe again":               {info.subscribeCall("f"), true},
		"subscribe without timeout":     {noTimeout.subscribeCall(""), false},
		"subscribe to *":                {star.subscribeCall(""), false},
		"subscribe with two IDs":        {info.subscribeCall("f").With(calls.Framework("g")), false},
		"revive *":                      {calls.ReviveWith([]string{"*"}), false},
		"reconcile all":                 {encodeReconcile(nil), true},
		"reconcile nobody":              {encodeReconcile([]OperationRef{{}}), false},
		"reconcile without its message": {&scheduler.Call{Type: scheduler.Call_RECONCILE_OPERATIONS}, false},
	} {
		if tt.call.Type != scheduler.Call_SUBSCRIBE {
			tt.call = tt.call.With(calls.Framework("f"))
		}
		if err := newGuard("").scheduler(tt.call, nil); (err == nil) != tt.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}
