package server

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	corev1 "k8s.io/api/core/v1"
	extenderv1 "k8s.io/kube-scheduler/extender/v1"
	"k8s.io/utils/clock"
	testclock "k8s.io/utils/clock/testing"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/filter"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/offercache"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

// mapped finds a node's agent by a map.
type mapped map[string]string

func (mapped) Avoided(string) bool { return false }

func (m mapped) Agent(node string) (string, filter.Reason) {
	if agent, ok := m[node]; ok {
		return agent, ""
	}
	return "", filter.NoAgent
}

// booked finds occupants as the book of reservations does.
type booked struct{ sync.Map }

func (b *booked) On(agentID, role string) []filter.Occupant {
	if found, ok := b.Load(offercache.Key{AgentID: agentID, Role: role}); ok {
		return found.([]filter.Occupant)
	}
	return nil
}

func (b *booked) Holds(string) bool { return false }

// ready has every node's place, as the daemon's roster does.
type ready map[string]*filter.Place

func (r ready) Role(string) filter.Places { return r }

func (r ready) Find(nodes filter.Names, into *[filter.Batch]*filter.Place) {
	for i := range nodes.Len() {
		into[i] = r[string(nodes.At(i))]
	}
}

// benchView has n nodes with an agent each. Half of them fit, a quarter offers
// too little, a quarter nothing; a tenth has a pod.
func benchView(n int) (filter.View, []string) {
	cache := offercache.New(testclock.NewFakePassiveClock(time.Unix(0, 0)))
	cache.Reset(1)
	names, agents, pods := make([]string, n), make(mapped, n), &booked{}
	var all []*resources.Offer
	for i := range n {
		agent := fmt.Sprintf("8d1a2f6c-1b2c-4d6e-9e81-b9c620abcb10-S%d", i)
		names[i] = fmt.Sprintf("node-%06d", i)
		agents[names[i]] = agent
		if i%10 == 0 {
			pods.Store(offercache.Key{AgentID: agent, Role: role}, []filter.Occupant{{UID: agent, Reserved: vector(1, 64)}})
		}
		if i%4 == 3 {
			continue
		}
		all = append(all, &resources.Offer{
			ID: fmt.Sprintf("O%d", i), AgentID: agent, Role: role, Hostname: names[i],
			Address: netip.AddrFrom4([4]byte{10}), Region: "eu", Zone: fmt.Sprintf("zone-%d", i%3),
			Portions: []resources.Portion{{Vector: vector(int64(1+(i+1)%2*7), 16384)}},
		})
	}
	cache.Add(1, all)
	offers, places := cache.Snapshot(), make(ready, n)
	for name, agentID := range agents {
		agent, _ := offers.Agent(agentID)
		at := filter.NewPlace(name, agent, role, pods.On(agentID, role))
		places[name] = &at
	}
	return filter.View{Offers: offers, Nodes: agents, Occupants: pods, Roster: places}, names
}

// unlistened forgets what it is told, which world keeps.
type unlistened struct{}

func (unlistened) Refused(*corev1.Pod, filter.Request, filter.Verdict) {}
func (unlistened) Fits(string)                                         {}

// benchServer logs as the daemon does, to nowhere.
func benchServer(view filter.View) http.Handler {
	w := &world{view: view}
	core := zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()), zapcore.AddSync(io.Discard), zap.InfoLevel)
	options := Options{MaxBodyBytes: 64 << 20, Strategy: filter.BinPacking, Candidates: 16}
	return New(options, Deps{
		Cluster: w, Binder: w, Ready: w, Waiting: unlistened{}, Log: zap.New(core), Registry: prometheus.NewRegistry(), Clock: clock.RealClock{},
	}).Handler()
}

// benchBody is what kube-scheduler sends about a recorded pod and the nodes.
func benchBody(b *testing.B, names []string) string {
	pod := decoded[struct{ Pod json.RawMessage }](b, recorded(b, "filter-1-request.json")).Pod
	return `{"Pod":` + string(pod) + `,"Nodes":null,"NodeNames":["` + strings.Join(names, `","`) + `"]}`
}

// noOp is the least that an extender in Go usually is: it decodes and encodes,
// and has no opinion.
func noOp() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/filter", func(w http.ResponseWriter, r *http.Request) {
		var args extenderv1.ExtenderArgs
		if err := json.NewDecoder(r.Body).Decode(&args); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		_ = json.NewEncoder(w).Encode(extenderv1.ExtenderFilterResult{NodeNames: args.NodeNames})
	})
	mux.HandleFunc("/prioritize", func(w http.ResponseWriter, r *http.Request) {
		var args extenderv1.ExtenderArgs
		if err := json.NewDecoder(r.Body).Decode(&args); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		list := make(extenderv1.HostPriorityList, 0, len(*args.NodeNames))
		for _, name := range *args.NodeNames {
			list = append(list, extenderv1.HostPriority{Host: name})
		}
		_ = json.NewEncoder(w).Encode(list)
	})
	return mux
}
