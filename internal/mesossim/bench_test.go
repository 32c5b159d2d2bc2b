package mesossim

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler"
)

// BenchmarkStart starts a master and its agents until all are registered.
func BenchmarkStart(b *testing.B) {
	for _, n := range []int{1_000, 10_000, 100_000} {
		b.Run(fmt.Sprintf("agents=%d", n), func(b *testing.B) {
			specs := make([]AgentSpec, n)
			for b.Loop() {
				sim, err := Start(context.Background(), Options{Agents: specs})
				if err != nil {
					b.Fatal(err)
				}
				if err := sim.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkFirstOffers subscribes over protobuf and reads until every agent has
// been offered.
func BenchmarkFirstOffers(b *testing.B) {
	for _, n := range []int{1_000, 10_000, 100_000} {
		b.Run(fmt.Sprintf("agents=%d", n), func(b *testing.B) {
			sim, err := Start(context.Background(), Options{Agents: make([]AgentSpec, n)})
			if err != nil {
				b.Fatal(err)
			}
			defer func() {
				if err := sim.Close(); err != nil {
					b.Error(err)
				}
			}()
			for b.Loop() {
				if err := readOffers(sim, n); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkBind is what one pod costs the master: an ACCEPT with a RESERVE, its
// acknowledgement, and the REVIVE that brings the agent's next offer. Each pod
// stays, so agents fill up with reservations.
func BenchmarkBind(b *testing.B) {
	for _, n := range []int{100, 1000} {
		b.Run(fmt.Sprintf("agents=%d", n), func(b *testing.B) {
			specs := make([]AgentSpec, n)
			for i := range specs {
				specs[i].Resources = "cpus:100000;mem:1000000"
			}
			sim, err := Start(context.Background(), Options{Agents: specs})
			if err != nil {
				b.Fatal(err)
			}
			info := mesos.FrameworkInfo{User: "u", Name: "bench", Roles: []string{"k"}, Capabilities: []mesos.FrameworkInfo_Capability{{Type: mesos.FrameworkInfo_Capability_MULTI_ROLE}}}
			sim.mu.Lock()
			sim.master.subscribe(&scheduler.Call_Subscribe{FrameworkInfo: &info}, newStream(mediaJSON))
			sim.mu.Unlock()
			for pod := 0; b.Loop(); pod++ {
				bindOne(b, sim, pod)
			}
			if err := sim.Close(); err != nil {
				b.Fatal(err)
			}
		})
	}
}

func bindOne(b *testing.B, sim *Sim, pod int) {
	b.Helper()
	sim.mu.Lock()
	defer sim.mu.Unlock()
	m := sim.master
	fw := m.frameworksInOrder()[0]
	ag := m.agentOrder[pod%len(m.agentOrder)]
	for len(ag.offers) == 0 {
		m.revive(fw, nil)
		m.allocateDue()
	}
	kind, scalar, role, label := mesos.Resource_ReservationInfo_DYNAMIC, mesos.SCALAR, "k", fmt.Sprint(pod)
	reserve := mesos.Offer_Operation_Reserve{Resources: []mesos.Resource{{
		Name: "cpus", Type: &scalar, Scalar: &mesos.Value_Scalar{Value: 1},
		Reservations: []mesos.Resource_ReservationInfo{{Type: &kind, Role: &role, Labels: &mesos.Labels{Labels: []mesos.Label{{Key: "pod", Value: &label}}}}},
	}}}
	m.accept(fw, &scheduler.Call_Accept{
		OfferIDs:   []mesos.OfferID{{Value: offersInOrder(ag.offers)[0].id}},
		Operations: []mesos.Offer_Operation{{Type: mesos.Offer_Operation_RESERVE, Reserve: &reserve}},
	})
	m.revive(fw, nil)
	m.allocateDue()
}

// BenchmarkReserve is an ACCEPT of an agent that carries 20 to 60 pods, with the
// RESERVEs of three more, until what it brings is on the wire: the offer of what
// is left, once the framework revives.
func BenchmarkReserve(b *testing.B) {
	const fewest, most, together, agents = 20, 60, 3, 10
	sim, err := Start(context.Background(), Options{Agents: make([]AgentSpec, agents)})
	if err != nil {
		b.Fatal(err)
	}
	info := mesos.FrameworkInfo{User: "u", Name: "bench", Roles: []string{"k"}, Capabilities: []mesos.FrameworkInfo_Capability{
		{Type: mesos.FrameworkInfo_Capability_MULTI_ROLE}, {Type: mesos.FrameworkInfo_Capability_RESERVATION_REFINEMENT},
	}}
	events := newStream(mediaProtobuf)
	sim.mu.Lock()
	sim.master.subscribe(&scheduler.Call_Subscribe{FrameworkInfo: &info}, events)
	sim.mu.Unlock()

	pods, carried := 0, make([][]mesos.Offer_Operation, agents)
	reserve := func(at, n int) {
		var operations []mesos.Offer_Operation
		for range n {
			pods++
			operations = append(operations, mesos.Offer_Operation{
				Type: mesos.Offer_Operation_RESERVE, Reserve: &mesos.Offer_Operation_Reserve{Resources: podResources(pods)},
			})
		}
		carried[at] = append(carried[at], operations...)
		acceptOne(b, sim, at, operations)
	}
	for at := range agents {
		reserve(at, fewest+at*(most-fewest)/agents)
	}
	b.ReportAllocs()
	for turn := 0; b.Loop(); turn++ {
		at := turn % agents
		reserve(at, together)
		frameEvents(b, events)
		if len(carried[at]) < most {
			continue
		}
		b.StopTimer()
		var operations []mesos.Offer_Operation
		for _, op := range carried[at][fewest:] {
			operations = append(operations, mesos.Offer_Operation{
				Type: mesos.Offer_Operation_UNRESERVE, Unreserve: &mesos.Offer_Operation_Unreserve{Resources: op.Reserve.Resources},
			})
		}
		carried[at] = carried[at][:fewest]
		acceptOne(b, sim, at, operations)
		b.StartTimer()
	}
	if err := sim.Close(); err != nil {
		b.Fatal(err)
	}
}

// podResources is what the extender reserves for a pod: cpus and mem with its
// five labels.
func podResources(pod int) []mesos.Resource {
	kind, scalar, role := mesos.Resource_ReservationInfo_DYNAMIC, mesos.SCALAR, "k"
	one := func(name string, amount float64) mesos.Resource {
		var labels []mesos.Label
		for _, l := range [][2]string{
			{"cluster", "bench"}, {"namespace", "default"}, {"pod", fmt.Sprintf("deployment-%08d", pod)},
			{"pod-uid", fmt.Sprintf("00000000-0000-0000-0000-%012d", pod)}, {"reserved-at", "2026-01-02T03:04:05Z"},
		} {
			labels = append(labels, mesos.Label{Key: "kube-mesos-extender.io/" + l[0], Value: &l[1]})
		}
		return mesos.Resource{
			Name: name, Type: &scalar, Scalar: &mesos.Value_Scalar{Value: amount},
			Reservations: []mesos.Resource_ReservationInfo{{Type: &kind, Role: &role, Labels: &mesos.Labels{Labels: labels}}},
		}
	}
	return []mesos.Resource{one("cpus", 0.1), one("mem", 16)}
}

// acceptOne accepts the offer of an agent and revives.
func acceptOne(b *testing.B, sim *Sim, at int, operations []mesos.Offer_Operation) {
	b.Helper()
	sim.mu.Lock()
	defer sim.mu.Unlock()
	m := sim.master
	fw, ag := m.frameworksInOrder()[0], m.agentOrder[at]
	for len(ag.offers) == 0 {
		m.revive(fw, nil)
		m.allocateDue()
	}
	before := len(ag.total)
	m.accept(fw, &scheduler.Call_Accept{OfferIDs: []mesos.OfferID{{Value: offersInOrder(ag.offers)[0].id}}, Operations: operations})
	if len(ag.total) == before {
		b.Fatalf("the master performed nothing: %s", ag.total)
	}
	m.revive(fw, nil)
	m.allocateDue()
}

// frameEvents encodes the events that wait on a stream.
func frameEvents(b *testing.B, from *stream) {
	b.Helper()
	events, _, _ := from.take()
	for _, event := range events {
		if _, err := from.frame(event); err != nil {
			b.Fatal(err)
		}
	}
}

// readOffers subscribes a framework, waits for the offers of n agents and
// leaves.
func readOffers(sim *Sim, n int) error {
	body := `{"type":"SUBSCRIBE","subscribe":{"framework_info":{"user":"root","name":"bench","roles":["bench"],"capabilities":[{"type":"MULTI_ROLE"}]}}}`
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, sim.URL()+"/api/v1/scheduler", bytes.NewReader([]byte(body)))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", mediaJSON)
	request.Header.Set("Accept", mediaProtobuf)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	seen, buffer := 0, make([]byte, 1<<20)
	for seen < n {
		size, err := response.Body.Read(buffer)
		seen += bytes.Count(buffer[:size], []byte("/slave(1)"))
		if err == io.EOF {
			return fmt.Errorf("stream ended after %d offers", seen)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
