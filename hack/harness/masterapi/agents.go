package masterapi

import (
	"maps"
	"math"
	"slices"
	"strings"
)

// The labels of the extender's reservations.
const (
	ClusterLabel   = "kube-mesos-extender.io/cluster"
	NamespaceLabel = "kube-mesos-extender.io/namespace"
	PodLabel       = "kube-mesos-extender.io/pod"
	UIDLabel       = "kube-mesos-extender.io/pod-uid"
)

// Scalars are amounts by resource name (cpus in cores, mem and disk in MiB), in
// thousandths, which is how precise Mesos is.
type Scalars map[string]int64

// Value is an amount in whole units.
func (s Scalars) Value(name string) float64 { return float64(s[name]) / 1000 }

func (s Scalars) add(more Scalars) {
	for name, amount := range more {
		s[name] += amount
	}
}

// Agent is a registered agent.
type Agent struct {
	ID       string
	Hostname string
	Address  string // of the agent's process, without a port
	Active   bool
	Total    Scalars
	// Offered is what frameworks hold offers of, in any role.
	Offered Scalars
	// Reservations are the dynamic ones, each role and label set once.
	Reservations []Reservation
}

// Reserved sums the agent's dynamic reservations.
func (a Agent) Reserved() Scalars {
	sum := Scalars{}
	for _, r := range a.Reservations {
		sum.add(r.Scalars)
	}
	return sum
}

// Reservation is what is reserved on one agent under one role and label set.
type Reservation struct {
	AgentID  string
	Hostname string
	Role     string
	Labels   map[string]string
	Scalars  Scalars
	// Others counts resources that are no scalars, such as ports.
	Others int
}

// OfCluster picks the reservations that carry an extender's cluster label.
func OfCluster(agents []Agent, cluster string) []Reservation {
	var out []Reservation
	for _, agent := range agents {
		for _, r := range agent.Reservations {
			if r.Labels[ClusterLabel] == cluster {
				out = append(out, r)
			}
		}
	}
	return out
}

// wireAgent is an agent in the answer to GET_AGENTS.
type wireAgent struct {
	AgentInfo struct {
		ID       wireID `json:"id"`
		Hostname string `json:"hostname"`
	} `json:"agent_info"`
	Active  bool           `json:"active"`
	PID     string         `json:"pid"` // name@ip:port
	Total   []wireResource `json:"total_resources"`
	Offered []wireResource `json:"offered_resources"`
}

type wireID struct {
	Value string `json:"value"`
}

type wireResource struct {
	Name   string `json:"name"`
	Type   string `json:"type"`
	Scalar struct {
		Value float64 `json:"value"`
	} `json:"scalar"`
	Reservations []wireReservation `json:"reservations"`
}

type wireReservation struct {
	Type   string `json:"type"`
	Role   string `json:"role"`
	Labels struct {
		Labels []wireLabel `json:"labels"`
	} `json:"labels"`
}

type wireLabel struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

func (w wireAgent) decode() Agent {
	agent := Agent{
		ID: w.AgentInfo.ID.Value, Hostname: w.AgentInfo.Hostname, Active: w.Active,
		Total: sum(w.Total), Offered: sum(w.Offered),
	}
	if _, address, ok := strings.Cut(w.PID, "@"); ok {
		agent.Address = address[:max(0, strings.LastIndex(address, ":"))]
	}
	agent.Reservations = reservations(w.Total)
	for i := range agent.Reservations {
		agent.Reservations[i].AgentID, agent.Reservations[i].Hostname = agent.ID, agent.Hostname
	}
	return agent
}

// Checkpoint is a list of resources as agents keep it on their disks.
type Checkpoint struct {
	Resources []wireResource `json:"resources"`
}

// Reservations are the dynamic ones, each role and label set once.
func (c Checkpoint) Reservations() []Reservation { return reservations(c.Resources) }

func reservations(resources []wireResource) (out []Reservation) {
	found := map[string]*Reservation{}
	for _, resource := range resources {
		if len(resource.Reservations) == 0 {
			continue
		}
		top := resource.Reservations[len(resource.Reservations)-1]
		if top.Type != "DYNAMIC" {
			continue
		}
		key := top.key()
		if found[key] == nil {
			found[key] = &Reservation{Role: top.Role, Labels: top.labels(), Scalars: Scalars{}}
		}
		found[key].count(resource)
	}
	for _, key := range slices.Sorted(maps.Keys(found)) {
		out = append(out, *found[key])
	}
	return out
}

func sum(list []wireResource) Scalars {
	total := Scalars{}
	for _, resource := range list {
		if resource.Type == "SCALAR" {
			total[resource.Name] += thousandths(resource.Scalar.Value)
		}
	}
	return total
}

func thousandths(value float64) int64 { return int64(math.Round(value * 1000)) }

func (r *Reservation) count(resource wireResource) {
	if resource.Type != "SCALAR" {
		r.Others++
		return
	}
	r.Scalars[resource.Name] += thousandths(resource.Scalar.Value)
}

func (w wireReservation) labels() map[string]string {
	out := make(map[string]string, len(w.Labels.Labels))
	for _, label := range w.Labels.Labels {
		out[label.Key] = label.Value
	}
	return out
}

// key tells reservations apart as Mesos does: by role and labels.
func (w wireReservation) key() string {
	parts := []string{w.Role}
	for _, label := range w.Labels.Labels {
		parts = append(parts, label.Key, label.Value)
	}
	return strings.Join(parts, "\x00")
}

func encodeLabels(labels map[string]string) map[string]any {
	list := make([]wireLabel, 0, len(labels))
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		list = append(list, wireLabel{key, labels[key]})
	}
	return map[string]any{"labels": list}
}
