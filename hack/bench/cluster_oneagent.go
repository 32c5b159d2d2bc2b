package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/clock"

	"github.com/kube-mesos-extender/kube-mesos-extender/hack/harness"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/mesos"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

const (
	oneAgentPods = 200
	// singlePods are bound one by one for the reference, at about one a second.
	singlePods = 15
	singleRole = "single"
)

// oneAgent compares how fast one agent fills up.
func oneAgent(ctx context.Context, e *environment) (result, error) {
	h, err := startCluster(ctx, e, "one-agent", 1, nil)
	if err != nil {
		return result{}, err
	}
	defer h.Stop()
	reference, err := singly(ctx, h)
	if err != nil {
		return result{}, fmt.Errorf("one ACCEPT for each pod: %w", err)
	}
	if err := h.RunScheduler(ctx, func(map[string]any) {}); err != nil {
		return result{}, err
	}
	bindings, err := harness.WatchBindings(ctx, h.Client)
	if err != nil {
		return result{}, err
	}
	defer bindings.Stop()
	pods := make([]*corev1.Pod, oneAgentPods)
	for i := range pods {
		pods[i] = harness.Pod(fmt.Sprintf("p-%03d", i), "30m", "64Mi")
	}
	began := time.Now()
	if err := h.CreatePods(ctx, pods...); err != nil {
		return result{}, err
	}
	if err := awaitCount(ctx, bindings, oneAgentPods); err != nil {
		return result{}, err
	}
	ours := oneAgentPods / time.Since(began).Seconds()
	books, err := h.Books(ctx)
	if err != nil {
		return result{}, err
	}
	r := compare(ours, reference)
	r.details.add("ACCEPTs", float64(books.Counters.Accepts-singlePods))
	return r, nil
}

func awaitCount(ctx context.Context, bindings *harness.BindingTimes, want int) error {
	return harness.Await(ctx, patience, "all pods bound", func(context.Context) error {
		if n := bindings.Count(); n < want {
			return fmt.Errorf("%d of %d are", n, want)
		}
		return nil
	})
}

// single is a framework that uses each offer for one pod.
type single struct {
	offers chan *resources.Offer
}

func (s single) Subscribed(mesos.Subscription)           {}
func (s single) Disconnected(uint64, error)              {}
func (s single) Rescind(uint64, string)                  {}
func (s single) OperationStatus(mesos.OperationStatus)   {}
func (s single) InverseOffer(uint64, mesos.InverseOffer) {}
func (s single) RescindInverseOffer(uint64, string)      {}
func (s single) AgentLost(string)                        {}
func (s single) Offers(_ uint64, offers []*resources.Offer) {
	for _, offer := range offers {
		s.offers <- offer
	}
}

// singly returns the pods/s of a framework that sends one ACCEPT for each pod
// and the next one when the agent is offered again. The daemon does not take
// part: it has given its offers back.
func singly(ctx context.Context, h *harness.Harness) (float64, error) {
	if err := awaitIdle(ctx, h); err != nil {
		return 0, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	client, err := mesos.New(mesos.Config{
		Masters: []string{h.MasterURL()}, CallTimeout: 5 * time.Second,
		BackoffMin: 100 * time.Millisecond, BackoffMax: time.Second,
		Framework: mesos.FrameworkInfo{Name: singleRole, User: "root", Principal: singleRole, Roles: []string{singleRole}},
	}, zap.NewNop(), prometheus.NewRegistry(), clock.RealClock{})
	if err != nil {
		return 0, err
	}
	s := single{offers: make(chan *resources.Offer, 100)}
	ended := make(chan error, 1)
	go func() { ended <- client.Run(ctx, "", s) }()
	var portions []resources.Portion
	began := time.Now()
	for i := range singlePods + 1 {
		var offer *resources.Offer
		select {
		case offer = <-s.offers:
		case err := <-ended:
			return 0, errors.Join(errors.New("the connection ended"), err)
		case <-time.After(patience):
			return 0, errors.New("no offer came")
		}
		if i == 0 {
			began = time.Now() // the wait for the first offer is not counted
		}
		if i == singlePods {
			break
		}
		reserve, err := forOnePod(offer)
		if err != nil {
			return 0, err
		}
		portions = append(portions, reserve.Portions...)
		if err := client.Accept(ctx, mesos.Accept{Generation: 1, OfferIDs: []string{offer.ID}, Operations: []mesos.Operation{reserve}}); err != nil {
			return 0, err
		}
	}
	rate := singlePods / time.Since(began).Seconds()
	agents, err := client.Agents(ctx)
	if err != nil {
		return 0, err
	}
	for _, p := range portions {
		if err := client.UnreserveByOperator(ctx, agents[0].ID, []resources.Portion{p}); err != nil {
			return 0, err
		}
	}
	return rate, nil // without a failover timeout the framework ends with its connection
}

// forOnePod reserves what one of the pods requests.
func forOnePod(offer *resources.Offer) (mesos.Operation, error) {
	need := resources.Scalar(resources.CPUs, 30).Add(resources.Scalar(resources.Mem, 64_000))
	pieces, _, ok := resources.Carve(offer.Portions, offer.Role, need)
	if !ok {
		return mesos.Operation{}, fmt.Errorf("offer %s does not cover a pod", offer.ID)
	}
	layer := resources.Layer{Dynamic: true, Role: singleRole, Principal: singleRole, Labels: []resources.Label{{Key: "pod", Value: uuid.NewString()}}}
	op := mesos.Operation{ID: uuid.NewString(), Type: mesos.Reserve, Role: offer.Role}
	for _, piece := range pieces {
		op.Portions = append(op.Portions, piece.Push(layer, piece.Vector))
	}
	return op, nil
}
