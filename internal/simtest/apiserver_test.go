package simtest

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/kube/kubetest"
)

// apiserver is the faked kube-apiserver with the network before it.
type apiserver struct {
	cluster *kubetest.Cluster
	dice    *dice
	busy    sync.WaitGroup // requests under way

	mu       sync.Mutex
	faults   []*apiFault
	outages  map[string]time.Time // process → until when it reaches nothing
	stale    map[string]time.Time // process → until when its watches stand still
	watches  []*slowWatch
	posting  map[string]int // process and pod UID → Bindings whose answer is awaited
	violated func(format string, args ...any)
}

// apiFault strikes requests.
type apiFault struct {
	kind  string
	call  string // such as "bind pods"; empty: any
	left  int
	delay time.Duration
}

// Kinds of faults of requests to the kube-apiserver.
const (
	apiRefuse   = "api-refuse"   // 500 without effect
	apiConflict = "api-conflict" // 409 without effect
	apiLose     = "api-lose"     // the request is lost
	apiDeaf     = "api-deaf"     // it takes effect, and the answer is lost
	apiLate     = "api-late"     // it takes effect late
)

// fate is what becomes of one request.
type fate struct {
	err         error // at once, without effect
	there, back time.Duration
	lost, deaf  bool
}

func newAPIServer(cluster *kubetest.Cluster, dice *dice) *apiserver {
	return &apiserver{cluster: cluster, dice: dice, posting: map[string]int{}, outages: map[string]time.Time{}, stale: map[string]time.Time{}}
}

var errOutage = errors.New("connection to the kube-apiserver refused")

func (a *apiserver) fate(who, call, name string) fate {
	what := who + " " + call + " " + name
	f := fate{
		there: a.dice.between(what+" there", 100*time.Microsecond, 3*time.Millisecond),
		back:  a.dice.between(what+" back", 100*time.Microsecond, 3*time.Millisecond),
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if time.Now().Before(a.outages[who]) {
		return fate{err: errOutage}
	}
	fault := a.due(call)
	if fault == nil {
		return f
	}
	switch fault.kind {
	case apiRefuse:
		f.err = apierrors.NewInternalError(errors.New("etcd has no leader"))
	case apiConflict:
		f.err = apierrors.NewConflict(schema.GroupResource{Resource: "pods"}, name, errors.New("try again"))
	case apiLose:
		f.lost = true
	case apiDeaf:
		f.deaf = true
	case apiLate:
		f.there = fault.delay
	}
	return f
}

// due uses up the first fault that strikes the call. The caller holds mu.
func (a *apiserver) due(call string) *apiFault {
	for i, fault := range a.faults {
		if fault.call != "" && fault.call != call {
			continue
		}
		if fault.left--; fault.left == 0 {
			a.faults = slices.Delete(a.faults, i, i+1)
		}
		return fault
	}
	return nil
}

func (a *apiserver) inject(fault apiFault) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.faults = append(a.faults, &fault)
}

func (a *apiserver) outage(who string, d time.Duration) {
	a.mu.Lock()
	a.outages[who] = time.Now().Add(d)
	a.mu.Unlock()
	a.breakWatches(who)
}

func (a *apiserver) makeStale(who string, d time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.stale[who] = time.Now().Add(d)
}

// lag is how long the next events of a watch take to arrive.
func (a *apiserver) lag(who string) time.Duration {
	a.mu.Lock()
	until := a.stale[who]
	a.mu.Unlock()
	return max(time.Until(until), 0) + a.dice.between(who+" lag", 100*time.Microsecond, 3*time.Millisecond)
}

func (a *apiserver) opened(w *slowWatch) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.watches = append(a.watches, w)
}

func (a *apiserver) closed(w *slowWatch) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.watches = slices.DeleteFunc(a.watches, func(o *slowWatch) bool { return o == w })
}

// breakWatches ends the watches of the processes whose name begins so.
func (a *apiserver) breakWatches(who string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, w := range a.watches {
		if strings.HasPrefix(w.gate.who, who) {
			w.Stop()
		}
	}
}

// binding notes that a process posts a Binding. Two of one pod at a time mean
// two binds of it at a time.
func (a *apiserver) binding(who, uid string) (done func()) {
	key := who + " " + uid
	a.mu.Lock()
	a.posting[key]++
	twice := a.posting[key] > 1
	a.mu.Unlock()
	if twice && a.violated != nil {
		a.violated("%s posts two Bindings of %s at a time", who, uid)
	}
	return func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.posting[key]--
	}
}

// heal ends all faults, also those under way.
func (a *apiserver) heal() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.faults, a.outages, a.stale = nil, map[string]time.Time{}, map[string]time.Time{}
}
