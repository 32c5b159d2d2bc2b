package listing

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/kube"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/mesos"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/reservation"
)

// State is what a reservation is for.
type State string

// The states of a reservation.
const (
	Bound     State = "bound"     // its pod lives on the agent's node
	Unbound   State = "unbound"   // its pod lives and has no node yet
	Elsewhere State = "elsewhere" // its pod lives on the node of another agent
	Unmapped  State = "unmapped"  // its pod lives on a node that is no certain agent
	Orphan    State = "orphan"    // no live pod: gone, ended, or another UID
	Unknown   State = "unknown"   // the pod or the nodes could not be read
)

// Reservation is one row of the list.
type Reservation struct {
	Namespace string `json:"namespace"`
	Pod       string `json:"pod"`
	UID       string `json:"uid"`
	State     State  `json:"state"`
	// ReservedAt is absent if the reservation does not tell.
	ReservedAt *time.Time `json:"reservedAt,omitempty"`
	AgentID    string     `json:"agentID"`
	Hostname   string     `json:"hostname"`
	Node       string     `json:"node,omitempty"` // that the pod is bound to
	Role       string     `json:"role"`
	Resources  string     `json:"resources"` // in Mesos' text form, mem and disk in MiB
}

// Sources are what is read. Each must ask the servers, not a cache.
type Sources struct {
	// Agents is the master's list.
	Agents func(context.Context) ([]mesos.Agent, error)
	// Pods lists the pods of our scheduler.
	Pods func(context.Context) ([]*corev1.Pod, error)
	// Pod reads one, of whichever scheduler. kube.ErrPodGone if there is none.
	Pod func(ctx context.Context, namespace, name string) (*corev1.Pod, error)
	// Nodes maps the nodes to these agents.
	Nodes func(context.Context, []mesos.Agent) (*kube.NodeMap, error)
}

// ErrIncomplete says that the master waits for agents of before its restart,
// and knows nothing of their reservations.
var ErrIncomplete = errors.New("agents have not come back since the master restarted, their reservations are not listed")

// Read lists the reservations of a cluster in order of pod. With an error it
// returns what could be read all the same, states that hang on the rest being
// Unknown.
func Read(ctx context.Context, cluster string, from Sources) ([]Reservation, error) {
	// Agents come first: a pod that ended since is an orphan, rightly, while a
	// pod that was bound since would only look like one.
	agents, err := from.Agents(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the master's agents: %w", err)
	}
	var failures []error
	if n := away(agents); n > 0 {
		failures = append(failures, fmt.Errorf("%d %w", n, ErrIncomplete))
	}
	listed := reservation.List(cluster, agents)
	if len(listed) == 0 {
		return nil, errors.Join(failures...)
	}
	j := judge{pod: from.Pod, byUID: map[string]*corev1.Pod{}}
	pods, podsErr := from.Pods(ctx)
	for _, pod := range pods {
		j.byUID[string(pod.UID)] = pod
	}
	var nodesErr error
	j.nodes, nodesErr = from.Nodes(ctx, agents)
	failures = append(failures, podsErr, nodesErr)
	j.blind = podsErr != nil
	rows := make([]Reservation, 0, len(listed))
	for _, one := range listed {
		row := rowOf(one)
		var err error
		row.State, row.Node, err = j.state(ctx, one)
		failures = append(failures, err)
		rows = append(rows, row)
	}
	return rows, errors.Join(failures...)
}

// away counts the agents that the master knows nothing of yet.
func away(agents []mesos.Agent) int {
	n := 0
	for _, agent := range agents {
		if agent.Recovered {
			n++
		}
	}
	return n
}

func rowOf(one reservation.Listed) Reservation {
	row := Reservation{
		Namespace: one.Pod.Namespace, Pod: one.Pod.Name, UID: one.Pod.UID,
		AgentID: one.AgentID, Hostname: one.Hostname, Role: one.Role, Resources: one.Reserved.String(),
	}
	if !one.ReservedAt.IsZero() {
		row.ReservedAt = &one.ReservedAt
	}
	return row
}

// Orphans returns the rows without a live pod. Unknown ones are not among them.
func Orphans(rows []Reservation) []Reservation {
	var orphans []Reservation
	for _, row := range rows {
		if row.State == Orphan {
			orphans = append(orphans, row)
		}
	}
	return orphans
}
