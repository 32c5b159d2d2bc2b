package config

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Offers is how long offers are kept, which other frameworks then lack.
type Offers struct {
	// IdleHold is how long an offer is kept that no pending pod needs.
	IdleHold metav1.Duration `json:"idleHold"`
	// MaxHold is how long an offer is kept unused while pods are pending: one
	// that fits nowhere must not keep everything from the other frameworks.
	MaxHold metav1.Duration `json:"maxHold"`
	// PendingRefuse is how long an agent given back after MaxHold is not
	// offered again, unless with more.
	PendingRefuse metav1.Duration `json:"pendingRefuse"`
	// Headroom is kept beyond IdleHold.
	Headroom Headroom `json:"headroom"`
	// DeclineRefuse is how long a declined agent is not offered again, unless
	// a pending pod makes us revive the role.
	DeclineRefuse metav1.Duration `json:"declineRefuse"`
	// ReviveInterval is the shortest time between two REVIVEs of a role.
	ReviveInterval metav1.Duration `json:"reviveInterval"`
	// MaintenanceLead is how long before a planned maintenance an agent takes
	// no more pods. Until then it is chosen last.
	MaintenanceLead metav1.Duration `json:"maintenanceLead"`
}

// Headroom is what an idle cluster keeps for the next pod.
type Headroom struct {
	Agents int `json:"agents"` // per role; 0 keeps nothing
}

// Bind bounds the steps of one bind.
type Bind struct {
	// Timeout of a whole bind. kube-scheduler's httpTimeout for the extender
	// must be longer, or it books the pod's resources twice.
	Timeout metav1.Duration `json:"timeout"`
	// ConfirmTimeout is how long Mesos may take to confirm a reservation
	// before it is asked about it.
	ConfirmTimeout metav1.Duration `json:"confirmTimeout"`
	// RemainderWait is how long a bind waits for the rest of an offer that an
	// earlier bind used up, before it fails.
	RemainderWait metav1.Duration `json:"remainderWait"`
	// Rush is how many binds within 160 ms are a rush, in which those of one agent
	// leave in one ACCEPT every 100 ms. With 0 each leaves as soon as it can.
	Rush int `json:"rush"`
}

// Release is how reservations without a live pod are given back.
type Release struct {
	// AdoptFormerPrincipals has reservations of this cluster that another
	// principal made, as after a change of credentials, count as ours. Mesos
	// must allow our principal to unreserve them. Otherwise they are left alone.
	AdoptFormerPrincipals bool `json:"adoptFormerPrincipals"`
	// Linger is how long a freed reservation waits for another pod on its agent
	// before other frameworks are offered the resources. 0 does not wait.
	Linger metav1.Duration `json:"linger"`
	// OrphanGrace is how long after start, or after an orphan was first seen,
	// it is left alone.
	OrphanGrace metav1.Duration `json:"orphanGrace"`
	// UnboundGrace is how long a confirmed reservation waits for the Binding
	// of its pod while no bind is running: kube-scheduler tries again.
	UnboundGrace metav1.Duration `json:"unboundGrace"`
	// OperatorAfter is how long a release waits for an offer that holds the
	// resources before it goes through the master's operator API.
	OperatorAfter metav1.Duration `json:"operatorAfter"`
	// SweepInterval is how often the master's list of reservations is
	// compared with the pods.
	SweepInterval metav1.Duration `json:"sweepInterval"`
}

// Filter is how filter answers.
type Filter struct {
	// Candidates is how many of the nodes that fit a pod are named to
	// kube-scheduler at most: the best by scoring.strategy of each zone in turn,
	// and some by lot. A pod with preferences that only kube-scheduler can judge
	// gets all. 0 names all to every pod, as must be where another extender
	// filters after this one.
	Candidates int `json:"candidates"`
	// SoleCandidate is whether only the best node is named to a pod about which
	// kube-scheduler's own scores have little to say: it has no preferences,
	// tolerates no taint of the effect PreferNoSchedule, and belongs to no
	// controller but a Job or a pod. With candidates: 0 it has no effect.
	SoleCandidate bool `json:"soleCandidate"`
}

// Scoring is how prioritize ranks nodes, and filter where it names few.
type Scoring struct {
	Strategy Strategy `json:"strategy"`
}

// Strategy ranks the nodes that fit.
type Strategy string

// The strategies.
const (
	BinPacking Strategy = "BinPacking" // fullest first: whole agents stay free for others
	Spreading  Strategy = "Spreading"  // emptiest first
)

// Resources is how pod requests become Mesos resources.
type Resources struct {
	// Minimum is reserved, per resource, for a pod that requests none of it.
	Minimum Minimum `json:"minimum"`
	// Extended maps a Kubernetes extended resource to a Mesos scalar.
	Extended map[string]ExtendedResource `json:"extended"`
}

// Minimum is in Mesos' units. Mesos does not offer an agent again that has
// less than its min_allocatable_resources left (cpus 0.01 or mem 32).
type Minimum struct {
	CPUs Amount `json:"cpus"` // cores
	Mem  Amount `json:"mem"`  // MiB
}

// ExtendedResource says what one unit of an extended resource is in Mesos.
type ExtendedResource struct {
	Scalar string  `json:"scalar"`           // name of the Mesos scalar
	Factor *Amount `json:"factor,omitempty"` // Mesos units per Kubernetes unit, default 1
}

// Wake is how pending pods learn of fresh offers.
type Wake struct {
	Enabled bool `json:"enabled"`
	// Interval is the shortest time between two rounds of waking.
	Interval metav1.Duration `json:"interval"`
}
