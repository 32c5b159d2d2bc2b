package server

import (
	"context"
	"net/http"

	"github.com/gorilla/mux"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/clock"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/bind"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/filter"
)

// Cluster is what decisions are made from.
type Cluster interface {
	// View returns the present state. It takes no lock and does no I/O.
	View() filter.View
	// Request translates one of our pods. A *filter.Refusal or
	// *resources.UnsupportedError refuses the pod on every node; another
	// error says what is wrong with the pod.
	Request(pod *corev1.Pod) (filter.Request, error)
	// Ours reports whether the pod carries our schedulerName.
	Ours(pod *corev1.Pod) bool
}

// Binder binds a pod; *bind.Binder is one. The error's text becomes part of the
// pod's Event.
type Binder interface {
	Bind(ctx context.Context, target bind.Target) error
}

// Ready tells whether the daemon can do its work. Both are called per request.
type Ready interface {
	// Leading is true for the one replica that may answer.
	Leading() bool
	// Ready returns nil when the replica leads, is subscribed, synced and
	// recovered; else why not. Errors made with errors.Join are shown line by
	// line.
	Ready() error
}

// Waiting learns which pods wait for offers, so that they are woken.
type Waiting interface {
	// Refused is told of a pod that fits none of the nodes it was tried on, and
	// why.
	Refused(pod *corev1.Pod, request filter.Request, verdict filter.Verdict)
	// Fits is told of a pod that fits at least one.
	Fits(podUID string)
}

// Deps are the services that the server works with.
type Deps struct {
	Cluster  Cluster
	Binder   Binder
	Ready    Ready
	Waiting  Waiting
	Log      *zap.Logger
	Registry interface {
		prometheus.Registerer
		prometheus.Gatherer
	}
	Clock clock.PassiveClock
}

// Server answers kube-scheduler. Create it with New.
type Server struct {
	options Options
	deps    Deps
	metrics *metrics
	ids     *requestIDs
	verbs   []*route // the most frequent first
	handler http.Handler
}

// New returns a server that does not listen yet.
func New(options Options, deps Deps) *Server {
	s := &Server{options: options, deps: deps, metrics: newMetrics(deps.Registry), ids: newRequestIDs()}
	for _, verb := range []struct {
		name   string
		answer verb
	}{
		{"filter", s.filter}, {"prioritize", s.prioritize}, {"bind", s.bind}, {"preempt", s.preempt},
	} {
		s.verbs = append(s.verbs, &route{verb.name, verb.answer, s.metrics.verb(verb.name)})
	}
	s.handler = s.routes()
	return s
}

// Handler returns all routes, for a listener of the caller's own.
func (s *Server) Handler() http.Handler { return s.handler }

func (s *Server) routes() http.Handler {
	router := mux.NewRouter()
	for _, verb := range s.verbs {
		router.Handle("/"+verb.name, only(http.MethodPost, s.handlerOf(verb)))
	}
	router.Handle("/livez", only(http.MethodGet, http.HandlerFunc(s.livez)))
	router.Handle("/readyz", only(http.MethodGet, http.HandlerFunc(s.readyz)))
	router.Handle("/metrics", only(http.MethodGet, metricsHandler(s.deps.Registry)))
	return router
}

// only answers other methods with 405 and with the one that is allowed, which
// mux's own answer does not tell.
func only(method string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != method {
			w.Header().Set("Allow", method)
			http.Error(w, "only "+method+" is allowed here", http.StatusMethodNotAllowed)
			return
		}
		next.ServeHTTP(w, r)
	})
}
