package server

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/clock"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/bind"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/filter"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/offercache"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

const (
	ours = "mesos-scheduler"
	role = "kubernetes"
)

// world is a cluster, a binder and a state of readiness, all in one.
type world struct {
	view       filter.View
	requestErr error // what Request returns for every pod
	unready    error
	standby    bool
	binder     func(context.Context, bind.Target) error

	mu      sync.Mutex // guards the records below
	bound   []bind.Target
	refused []string
	fits    []string
}

func (w *world) View() filter.View { return w.view }

func (w *world) Ours(pod *corev1.Pod) bool { return pod.Spec.SchedulerName == ours }

func (w *world) Request(pod *corev1.Pod) (filter.Request, error) {
	if w.requestErr != nil {
		return filter.Request{}, w.requestErr
	}
	translator, err := resources.NewTranslator(resources.Rules{Minimum: resources.Scalar(resources.CPUs, 10)})
	if err != nil {
		return filter.Request{}, err
	}
	need, err := translator.Request(pod)
	if err != nil {
		return filter.Request{}, err
	}
	request := filter.Request{PodUID: string(pod.UID), Role: role, Need: need}
	if pod.Spec.Priority != nil {
		request.Priority = *pod.Spec.Priority
	}
	return request, nil
}

func (w *world) Bind(ctx context.Context, target bind.Target) error {
	w.mu.Lock()
	w.bound = append(w.bound, target)
	w.mu.Unlock()
	if w.binder == nil {
		return nil
	}
	return w.binder(ctx, target)
}

func (w *world) Leading() bool { return !w.standby }

func (w *world) Ready() error { return w.unready }

func (w *world) Refused(pod *corev1.Pod, request filter.Request, verdict filter.Verdict) {
	if string(pod.UID) != request.PodUID {
		panic("the request is that of another pod")
	}
	if len(verdict.Fits) > 0 || len(verdict.Unresolvable) == 0 {
		panic("the verdict refuses nothing")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.refused = append(w.refused, pod.Name)
}

func (w *world) Fits(uid string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fits = append(w.fits, uid)
}

// offers maps an agent to what it has free.
type offers map[string]resources.Vector

func (o offers) Agent(agentID string) (*offercache.AgentView, bool) {
	free, ok := o[agentID]
	return &offercache.AgentView{AgentID: agentID, Roles: []offercache.RoleView{{Role: role, Free: free, Certain: free}}}, ok
}

// everywhere offers the same on every agent.
type everywhere resources.Vector

func (e everywhere) Agent(agentID string) (*offercache.AgentView, bool) {
	return &offercache.AgentView{AgentID: agentID, Roles: []offercache.RoleView{{Role: role, Free: resources.Vector(e), Certain: resources.Vector(e)}}}, true
}

// identity gives each node an agent of its own name.
type identity struct{}

func (identity) Avoided(string) bool                       { return false }
func (identity) Agent(node string) (string, filter.Reason) { return node, "" }

type occupants map[string][]filter.Occupant

func (o occupants) On(agentID, _ string) []filter.Occupant { return o[agentID] }

func (o occupants) Holds(podUID string) bool {
	for _, on := range o {
		if slices.ContainsFunc(on, func(o filter.Occupant) bool { return o.UID == podUID }) {
			return true
		}
	}
	return false
}

func vector(cpus, mem int64) resources.Vector {
	return resources.Scalar(resources.CPUs, resources.Milli(cpus*1000)).
		Add(resources.Scalar(resources.Mem, resources.Milli(mem*1000)))
}

// face is a server over a world, with what it logged and counted.
type face struct {
	*Server
	logs     *observer.ObservedLogs
	registry *prometheus.Registry
}

func newFace(w *world, change ...func(*Options)) face {
	if w.view.Nodes == nil {
		w.view.Nodes = identity{}
	}
	options := Options{Address: "127.0.0.1:0", MaxBodyBytes: 1 << 20, Strategy: filter.BinPacking}
	for _, c := range change {
		c(&options)
	}
	core, logs := observer.New(zapcore.DebugLevel)
	registry := prometheus.NewRegistry()
	return face{New(options, Deps{
		Cluster: w, Binder: w, Ready: w, Waiting: w, Log: zap.New(core), Registry: registry, Clock: clock.RealClock{},
	}), logs, registry}
}

func (f face) post(path, body string) *httptest.ResponseRecorder {
	recorder := httptest.NewRecorder()
	f.Handler().ServeHTTP(recorder, httptest.NewRequest(http.MethodPost, path, strings.NewReader(body)))
	return recorder
}

// answer posts and decodes a 200 into T.
func answer[T any](t *testing.T, f face, path, body string) T {
	t.Helper()
	response := f.post(path, body)
	if response.Code != http.StatusOK {
		t.Fatalf("%s answered %d: %s", path, response.Code, response.Body)
	}
	var into T
	decoder := json.NewDecoder(response.Body)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return into
}

// podJSON is a pod of ours that asks for 2 cores and 64 MiB.
const podJSON = `{"metadata":{"name":"p","namespace":"default","uid":"u1"},"spec":{"schedulerName":"mesos-scheduler","priority":10,
"containers":[{"name":"c","resources":{"requests":{"cpu":"2","memory":"64Mi"}}}]}}`

const foreignPodJSON = `{"metadata":{"name":"f","namespace":"default","uid":"u2"},"spec":{"schedulerName":"default-scheduler"}}`

var errBoom = errors.New("boom")
