package mesos_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"k8s.io/utils/clock"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/mesos"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/mesossim"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

const (
	role    = "kubernetes"
	patient = 20 * time.Second // a busy machine
)

// inbox is a Handler that passes everything on, in order.
type inbox chan any

type (
	disconnected struct{ cause error }
	rescinded    string
	agentLost    string
)

func (i inbox) Subscribed(s mesos.Subscription)             { i <- s }
func (i inbox) Disconnected(_ uint64, cause error)          { i <- disconnected{cause} }
func (i inbox) Rescind(_ uint64, id string)                 { i <- rescinded(id) }
func (i inbox) OperationStatus(s mesos.OperationStatus)     { i <- s }
func (i inbox) InverseOffer(_ uint64, o mesos.InverseOffer) { i <- o }
func (i inbox) RescindInverseOffer(_ uint64, id string)     { i <- rescinded(id) }
func (i inbox) AgentLost(id string)                         { i <- agentLost(id) }
func (i inbox) Offers(_ uint64, offers []*resources.Offer) {
	for _, o := range offers {
		i <- o
	}
}

// next waits for the next message of type T, passing over others.
func next[T any](t *testing.T, in inbox) T {
	t.Helper()
	deadline := time.After(patient)
	for {
		select {
		case m := <-in:
			if wanted, ok := m.(T); ok {
				return wanted
			}
		case <-deadline:
			t.Fatalf("no %T came", *new(T))
		}
	}
}

func cluster(t *testing.T, options mesossim.Options) *mesossim.Sim {
	t.Helper()
	options.Agents = append(options.Agents, mesossim.AgentSpec{Hostname: "node-0"})
	options.MasterFlags = append(options.MasterFlags, "--registry=in_memory", "--allocation_interval=100ms")
	options.AgentReconnect = 50 * time.Millisecond
	options.OnCheck = func(message string) { t.Errorf("a call killed the master: %s", message) }
	sim, err := mesossim.Start(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := sim.Close(); err != nil {
			t.Error(err)
		}
	})
	return sim
}

func connect(t *testing.T, url string, useJSON bool) *mesos.Client {
	t.Helper()
	client, err := mesos.New(mesos.Config{
		Masters: []string{url}, JSON: useJSON, BackoffMin: 10 * time.Millisecond,
		Framework: mesos.FrameworkInfo{Name: "test", User: "root", Roles: []string{role}, FailoverTimeout: time.Hour},
	}, zap.NewNop(), prometheus.NewRegistry(), clock.RealClock{})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// runIn runs a client until the test ends, and returns what Run returns.
func runIn(t *testing.T, client *mesos.Client, id string) (inbox, <-chan error) {
	in, done := make(inbox, 1024), make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		done <- client.Run(ctx, id, in)
	}()
	t.Cleanup(func() { cancel(); <-finished })
	return in, done
}

func podStack() []resources.Layer {
	return []resources.Layer{{Dynamic: true, Role: role, Labels: []resources.Label{{Key: "pod", Value: "a"}}}}
}

func podPortions() []resources.Portion {
	amounts := resources.Scalar("cpus", 1500).Add(resources.Scalar("mem", 64000)).
		Add(resources.Vector{Ports: resources.NewRanges(resources.Range{Begin: 31005, End: 31006})})
	return []resources.Portion{{Layers: podStack(), Vector: amounts}}
}

func accept(offer *resources.Offer, generation uint64, kind mesos.OperationType) mesos.Accept {
	return mesos.Accept{Generation: generation, OfferIDs: []string{offer.ID}, Operations: []mesos.Operation{{
		ID: uuid.NewString(), Type: kind, Role: role, Portions: podPortions(),
	}}}
}

// confirmed sends an ACCEPT of one operation and acknowledges its outcome.
func confirmed(t *testing.T, client *mesos.Client, in inbox, a mesos.Accept) {
	t.Helper()
	if err := client.Accept(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	status := next[mesos.OperationStatus](t, in)
	if status.OperationID != a.Operations[0].ID || !status.Confirms() {
		t.Fatalf("status %+v", status)
	}
	if err := client.Acknowledge(t.Context(), status); err != nil {
		t.Fatal(err)
	}
}

func reservedIn(offer *resources.Offer) resources.Vector {
	var sum resources.Vector
	for _, p := range offer.Portions {
		if p.SameStack(podPortions()[0]) {
			sum = sum.Add(p.Vector)
		}
	}
	return sum
}

func TestReserveAndUnreserve(t *testing.T) {
	for name, useJSON := range map[string]bool{"protobuf": false, "JSON": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sim := cluster(t, mesossim.Options{})
			client := connect(t, sim.URL(), useJSON)
			in, _ := runIn(t, client, "")
			sub := next[mesos.Subscription](t, in)
			offer := next[*resources.Offer](t, in)
			confirmed(t, client, in, accept(offer, sub.Generation, mesos.Reserve))

			offer = next[*resources.Offer](t, in)
			if got := reservedIn(offer); !got.Equal(podPortions()[0].Vector) {
				t.Errorf("offered %s under the pod's stack", got)
			}
			agents, err := client.Agents(t.Context())
			if err != nil || len(agents) != 1 || !agents[0].Feedback || !agents[0].Active || agents[0].Hostname != "node-0" {
				t.Fatalf("agents %+v: %v", agents, err)
			}
			if diff := cmp.Diff(podPortions(), agents[0].Reserved); diff != "" {
				t.Errorf("reserved as the master has it (-want +got):\n%s", diff)
			}

			confirmed(t, client, in, accept(offer, sub.Generation, mesos.Unreserve))
			if offer = next[*resources.Offer](t, in); !reservedIn(offer).IsZero() {
				t.Errorf("still reserved: %v", offer.Portions)
			}
		})
	}
}

// Trap T19: the master lists what it has sent to an agent that hangs, and tells
// that the agent has not reported on it.
func TestPending(t *testing.T) {
	for name, useJSON := range map[string]bool{"protobuf": false, "JSON": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sim := cluster(t, mesossim.Options{})
			client := connect(t, sim.URL(), useJSON)
			in, _ := runIn(t, client, "")
			sub := next[mesos.Subscription](t, in)
			offer := next[*resources.Offer](t, in)
			if pending, err := client.Pending(t.Context()); err != nil || len(pending) != 0 {
				t.Errorf("at first %v is pending: %v", pending, err)
			}
			if err := sim.HangAgent("node-0"); err != nil {
				t.Fatal(err)
			}
			if err := client.Accept(t.Context(), accept(offer, sub.Generation, mesos.Reserve)); err != nil {
				t.Fatal(err)
			}
			pending, err := client.Pending(t.Context())
			if diff := cmp.Diff([]mesos.Pending{{AgentID: offer.AgentID, Portions: podPortions()}}, pending); diff != "" || err != nil {
				t.Errorf("%v, pending (-want +got):\n%s", err, diff)
			}
			if agents, err := client.Agents(t.Context()); err != nil || len(agents) != 1 || len(agents[0].Reserved) != 1 {
				t.Errorf("the master lists it as reserved: %v, %v", agents, err)
			}
			if err := sim.ContinueAgent("node-0"); err != nil {
				t.Fatal(err)
			}
			next[mesos.OperationStatus](t, in) // which is not acknowledged
			if pending, err := client.Pending(t.Context()); err != nil || len(pending) != 0 {
				t.Errorf("after the agent's report %v is pending: %v", pending, err)
			}
		})
	}
}

func TestUnreserveWithoutAnOffer(t *testing.T) {
	t.Parallel()
	sim := cluster(t, mesossim.Options{})
	client := connect(t, sim.URL(), false)
	in, _ := runIn(t, client, "")
	sub := next[mesos.Subscription](t, in)
	offer := next[*resources.Offer](t, in)
	confirmed(t, client, in, accept(offer, sub.Generation, mesos.Reserve))
	offer = next[*resources.Offer](t, in)
	if err := client.UnreserveByOperator(t.Context(), offer.AgentID, podPortions()); err != nil {
		t.Fatal(err)
	}
	if got := next[rescinded](t, in); string(got) != offer.ID {
		t.Errorf("rescinded %s, held %s", got, offer.ID)
	}
	var status *mesos.StatusError
	if err := client.UnreserveByOperator(t.Context(), offer.AgentID, podPortions()); !errors.As(err, &status) || status.Code != 409 {
		t.Errorf("unreserved twice: %v", err)
	}
}

func TestMasterRestart(t *testing.T) {
	t.Parallel()
	sim := cluster(t, mesossim.Options{})
	client := connect(t, sim.URL(), false)
	in, _ := runIn(t, client, "")
	first := next[mesos.Subscription](t, in)
	offer := next[*resources.Offer](t, in)
	confirmed(t, client, in, accept(offer, first.Generation, mesos.Reserve))
	if err := sim.RestartMaster(10 * time.Millisecond); err != nil {
		t.Fatal(err)
	}
	next[disconnected](t, in)
	second := next[mesos.Subscription](t, in)
	if second.Generation <= first.Generation || second.FrameworkID != first.FrameworkID {
		t.Errorf("subscribed %+v, then %+v", first, second)
	}
	offer = next[*resources.Offer](t, in)
	if got := reservedIn(offer); !got.Equal(podPortions()[0].Vector) {
		t.Errorf("%s of the reservation outlived the master", got)
	}
	if err := client.Decline(t.Context(), first.Generation, []string{offer.ID}, 0); !errors.Is(err, mesos.ErrDisconnected) {
		t.Errorf("decline in an old generation: %v", err)
	}
	if err := client.Decline(t.Context(), second.Generation, []string{offer.ID}, 0); err != nil {
		t.Errorf("decline in the new generation: %v", err)
	}
}

// Trap T2: the first of two subscribers with one framework ID gives way.
func TestFailedOver(t *testing.T) {
	t.Parallel()
	sim := cluster(t, mesossim.Options{})
	in, ended := runIn(t, connect(t, sim.URL(), false), "")
	sub := next[mesos.Subscription](t, in)
	second, secondEnded := runIn(t, connect(t, sim.URL(), true), sub.FrameworkID)
	if again := next[mesos.Subscription](t, second); again.FrameworkID != sub.FrameworkID {
		t.Errorf("framework %s, then %s", sub.FrameworkID, again.FrameworkID)
	}
	select {
	case err := <-ended:
		if !errors.Is(err, mesos.ErrFailedOver) {
			t.Errorf("the first ended with %v", err)
		}
	case <-time.After(patient):
		t.Error("the first goes on")
	}
	next[*resources.Offer](t, second)
	select {
	case err := <-secondEnded:
		t.Errorf("the second ended with %v", err)
	default:
	}
}

// teardown removes a framework as an operator does.
func teardown(t *testing.T, sim *mesossim.Sim, frameworkID string) {
	t.Helper()
	call := `{"type":"TEARDOWN","teardown":{"framework_id":{"value":"` + frameworkID + `"}}}`
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, sim.URL()+"/api/v1", strings.NewReader(call))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		t.Fatalf("the teardown was answered with %s", response.Status)
	}
}

// Trap T3: a framework that was torn down cannot come back.
func TestRemoved(t *testing.T) {
	t.Parallel()
	sim := cluster(t, mesossim.Options{})
	client := connect(t, sim.URL(), false)
	in, ended := runIn(t, client, "")
	teardown(t, sim, next[mesos.Subscription](t, in).FrameworkID)
	select {
	case err := <-ended:
		if !errors.Is(err, mesos.ErrRemoved) {
			t.Errorf("ended with %v", err)
		}
	case <-time.After(patient):
		t.Error("goes on")
	}
}

func TestFollowsTheLeader(t *testing.T) {
	t.Parallel()
	leader := cluster(t, mesossim.Options{})
	follower := cluster(t, mesossim.Options{RedirectTo: leader.URL()[len("http://"):]})
	client := connect(t, follower.URL(), false)
	in, _ := runIn(t, client, "")
	if sub := next[mesos.Subscription](t, in); sub.Master != leader.URL() {
		t.Errorf("subscribed to %s, leader is %s", sub.Master, leader.URL())
	}
	next[*resources.Offer](t, in)
	if err := client.Revive(t.Context(), []string{role}); err != nil {
		t.Error(err)
	}
	if agents, err := client.Agents(t.Context()); err != nil || len(agents) != 1 {
		t.Errorf("agents %v: %v", agents, err)
	}
}

// An agent of before Mesos 1.8 has no operation feedback.
func TestAgentWithoutFeedback(t *testing.T) {
	t.Parallel()
	sim := cluster(t, mesossim.Options{Agents: []mesossim.AgentSpec{{Hostname: "old", NoOperationFeedback: true}}})
	agents, err := connect(t, sim.URL(), false).Agents(t.Context())
	if err != nil || len(agents) != 2 {
		t.Fatalf("agents %v: %v", agents, err)
	}
	for _, a := range agents {
		if a.Feedback != (a.Hostname != "old") {
			t.Errorf("feedback of %s: %v", a.Hostname, a.Feedback)
		}
	}
}
