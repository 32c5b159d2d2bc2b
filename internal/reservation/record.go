package reservation

import (
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

// record is one reservation. Manager.mu guards every field but done, which is
// closed once, under the lock.
type record struct {
	id
	pod      Pod
	need     resources.Vector
	state    State
	since    time.Time           // of the state
	portions []resources.Portion // with our layer on top: what UNRESERVE names
	op       operation           // in flight; zero if none

	done chan struct{} // closed when the reservation is confirmed or has failed
	err  error         // why it failed; read after done

	// unwanted is why the reservation is released as soon as its RESERVE is
	// confirmed: it cannot be called back while it is on its way.
	unwanted error
	// busy is set while a bind waits for it or posts its Binding: nobody
	// releases it for being unbound meanwhile.
	busy bool
	// checked is set once the API server was asked about its pod.
	checked bool
	// refusals in a row of its UNRESERVE, and when to try again: an ACL that
	// forbids it must not become a hot loop (scenario 27).
	refusals  int
	notBefore time.Time
	// orphanSince is when the pod was first found missing; zero if it lives.
	orphanSince time.Time
	// missed counts the audits in a row in which the master did not list it.
	missed int
}

// operation is a RESERVE or UNRESERVE on its way.
type operation struct {
	kind mesos.OperationType // zero: none in flight
	id   string              // empty: the agent has no operation feedback
	sent time.Time
	// asked is when the master was last asked about it.
	asked time.Time
	// unknown is set once the master said OPERATION_UNKNOWN: neither done nor
	// failed (trap T16), so the next audit decides.
	unknown bool
	// byOperator marks an UNRESERVE_RESOURCES; its result shows in the audit.
	byOperator bool
}

func (o operation) inFlight() bool { return o.kind != 0 }

// open reports whether the outcome of the record's RESERVE is still undecided.
func (r *record) open() bool { return r.state == Held || r.state == Reserving }

// decide ends the wait of everybody who asked for the reservation.
func (r *record) decide(err error) {
	select {
	case <-r.done:
	default:
		r.err = err
		close(r.done)
	}
}

// vector is the sum of what is reserved.
func (r *record) vector() resources.Vector {
	var sum resources.Vector
	for _, p := range r.portions {
		sum = sum.Add(p.Vector)
	}
	return sum
}

// Reasons for which a reservation that was asked for does not come about.
var (
	// ErrReleased: the pod ended, or its bind was given up, meanwhile.
	ErrReleased = errors.New("the reservation was released before it was used")
	// ErrWithdrawn: Mesos took the offers back; another attempt may succeed.
	ErrWithdrawn = errors.New("the offers of the agent were withdrawn")
	// ErrNotReserved: Mesos refused or lost the RESERVE.
	ErrNotReserved = errors.New("the reservation was not made")
)
