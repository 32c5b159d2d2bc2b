package reservation

import (
	"cmp"
	"errors"
	"time"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/mesos"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/offercache"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

// id tells reservations apart. A pod has one as a rule, and two for a moment
// when kube-scheduler's retry names another node (scenario 17).
type id struct {
	uid string
	key offercache.Key
}

// compare orders IDs. Where several things are done at a time a fixed order lets
// a simulated run be repeated.
func (i id) compare(other id) int {
	return cmp.Or(cmp.Compare(i.key.AgentID, other.key.AgentID), cmp.Compare(i.key.Role, other.key.Role),
		cmp.Compare(i.uid, other.uid))
}

// verdict is what a bind waits for: whether its reservation is confirmed.
type verdict struct {
	done chan struct{} // closed once it is decided
	err  error         // nil: confirmed; read after done
	// waited is how long it was Mesos' turn; read after done.
	waited time.Duration
}

func newVerdict() *verdict { return &verdict{done: make(chan struct{})} }

func (v *verdict) decided() bool {
	select {
	case <-v.done:
		return true
	default:
		return false
	}
}

// record is one reservation. Manager.mu guards every field.
type record struct {
	id
	pod      Pod
	need     resources.Vector
	state    State
	since    time.Time           // of the state
	changed  time.Time           // when an operation of ours last changed portions
	portions []resources.Portion // in Mesos, with our layer on top
	op       operation           // in flight; zero if none

	// want is what the pod requests by now, empty if not known.
	want resources.Vector
	// adopted: it was found in Mesos, and may be one of ours whose agent has come
	// back under another ID. found is when, until it is proven: the master lists
	// what an agent may not have executed (trap T19).
	adopted bool
	found   time.Time
	// whole is set once portions are known to be all there are.
	whole bool
	// misfit: it is bound, and portions are not what the pod wants. growth is
	// what the cache holds for it meanwhile, and short is set when the offers
	// have turned out not to cover it.
	misfit bool
	growth resources.Vector
	short  bool

	// verdict is of the latest bind: a new one, if it comes after an earlier
	// bind was given up.
	verdict *verdict
	// awaits is since when it is Mesos' turn, zero while it is ours; waited is
	// the sum of Mesos' turns before. They are of the latest bind.
	awaits time.Time
	waited time.Duration
	// unwanted is why the reservation is released as soon as its RESERVE is
	// confirmed: it cannot be called back while it is on its way. The cache
	// holds nothing for it any more, and may for its pod on another agent.
	unwanted error
	// busy is set while a bind waits for it or posts its Binding: nobody
	// releases it for being unbound meanwhile.
	busy bool
	// hurried is set once somebody was told that its hold waits for offers, and
	// doomed is since when no offers are expected that cover it.
	hurried bool
	doomed  time.Time
	// checked is set once the API server was asked about its pod; lookAt is
	// when it may be asked again.
	checked bool
	lookAt  time.Time
	// due is when it, or its surplus, leaves though no pod needs what it frees; until then it
	// lingers, and lingers is set until somebody has noted that time.
	due     time.Time
	lingers bool
	// refusals in a row of its UNRESERVE, and when to try again: an ACL that
	// forbids it must not become a hot loop (scenario 27).
	refusals  int
	notBefore time.Time
	// operatorAt is when the operator API may be used again.
	operatorAt time.Time
	// orphanSince is when the pod was first found missing, or on another
	// agent; zero if neither.
	orphanSince time.Time
	// missed counts the audits in a row in which the master listed its agent
	// without it, absent those in which it did not list its agent.
	missed, absent int
}

// operation is a RESERVE or UNRESERVE on its way.
type operation struct {
	kind mesos.OperationType // zero: none in flight
	id   string              // empty: the agent has no operation feedback
	sent time.Time
	// portions are what it reserves or unreserves.
	portions []resources.Portion
	// asked is when the master was last asked about it.
	asked time.Time
	// unknown is when the master said OPERATION_UNKNOWN: neither done nor
	// failed (trap T16), so an audit that begins later decides.
	unknown time.Time
	// shown is when an audit first found it executed while the master did not
	// know it; zero if not yet.
	shown time.Time
	// answered is when its call ended. Before that it may still be on its way:
	// only an audit that begins later can tell that it was not executed.
	answered time.Time
	// byOperator marks an UNRESERVE_RESOURCES.
	byOperator bool
}

func (o operation) inFlight() bool { return o.kind != 0 }

// open reports whether the outcome of the record's RESERVE is still undecided.
func (r *record) open() bool { return r.state == Held || r.state == Reserving }

// decide ends the wait of everybody who asked for the reservation.
func (r *record) decide(err error) {
	if !r.verdict.decided() {
		r.verdict.err, r.verdict.waited = err, r.waited
		close(r.verdict.done)
	}
}

// shows reports whether readers see the record: Mesos has confirmed it, and it
// is its pod's.
func (r *record) shows() bool { return r.state == Reserved || r.state == Bound }

// vector is the sum of what is reserved.
func (r *record) vector() resources.Vector { return total(r.portions) }

// Reasons for which a reservation that was asked for does not come about.
var (
	// ErrReleased: the pod ended, or its bind was given up, meanwhile.
	ErrReleased = errors.New("the reservation was released before it was used")
	// ErrWithdrawn: Mesos took the offers back; another attempt may succeed.
	ErrWithdrawn = errors.New("the offers of the agent were withdrawn")
	// ErrNotReserved: Mesos refused or lost the RESERVE.
	ErrNotReserved = errors.New("the reservation was not made")
	// ErrBoundElsewhere: the pod is bound already, and holds its reservation on
	// another agent.
	ErrBoundElsewhere = errors.New("the pod is bound to another node")

	errRefused = errors.New("refused or lost by Mesos")
	errUnknown = errors.New("the master knows nothing of the operation")
)
