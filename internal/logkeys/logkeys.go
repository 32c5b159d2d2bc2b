// Package logkeys names the keys of the daemon's structured logs, so that one
// thing is called the same wherever it is logged.
//
// It owns the names only. It must not log, import anything or grow values.
package logkeys

// The keys that may carry a request, a pod or an offer through the log. Every
// line about one of these uses exactly this key for it.
const (
	Pod         = "pod"         // namespace/name
	PodUID      = "podUID"      // metadata.uid of the pod
	Node        = "node"        // name of the Kubernetes node
	AgentID     = "agentID"     // of the Mesos agent
	OfferID     = "offerID"     // of one Mesos offer
	OperationID = "operationID" // of a RESERVE or UNRESERVE
	Verb        = "verb"        // filter, prioritize, preempt or bind
	Reason      = "reason"      // one of the constant reasons
	Duration    = "duration"    // seconds
	RequestID   = "requestID"   // of one HTTP request
	Error       = "error"       // what zap.Error uses
)

// Keys of what surrounds a decision.
const (
	Role        = "role"        // Mesos role
	FrameworkID = "frameworkID" // Mesos framework
	Master      = "master"      // URL of the Mesos master
	Generation  = "generation"  // of the Mesos subscription
	Outcome     = "outcome"     // how a decision or call ended
	Count       = "count"       // of the things the message names
	Fits        = "fits"        // number of nodes that a pod can go to
	Refused     = "refused"     // number of nodes that it cannot go to
	Need        = "need"        // resource vector in Mesos' text form
	Address     = "address"     // host:port
	Component   = "component"   // the package or library that logs
)
