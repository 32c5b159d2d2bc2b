package mesossim

import (
	"errors"
	"fmt"
	"slices"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler"
)

// NeighbourSpec describes a framework that competes for the cluster. It lives
// in the emulator and has no connection of its own.
type NeighbourSpec struct {
	Name string `json:"name"`
	Role string `json:"role"`
	// Agents are the hostnames of the agents it wants; none means all. What it is
	// offered elsewhere it declines for a long time.
	Agents []string `json:"agents,omitempty"`
	// Task is the size of a task that it runs on each agent it wants, such as
	// cpus:4;mem:1024. "" means that it holds what it is offered, and does nothing.
	Task string `json:"task,omitempty"`
}

var errNeighbour = errors.New("no such neighbour")

// neighbour is what makes a framework one that lives in the emulator.
type neighbour struct {
	spec    NeighbourSpec
	task    resources
	started map[string]bool // hostnames of agents where its task was launched
}

// longDecline is for how long, in seconds, it refuses what it does not want.
const longDecline = 3600.0

// StartNeighbour subscribes a competing framework. It is offered resources with
// the next allocation, like any other.
func (s *Sim) StartNeighbour(spec NeighbourSpec) error {
	task, err := parseResources(spec.Task)
	if err != nil {
		return fmt.Errorf("neighbour %s: task: %w", spec.Name, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.master
	if m == nil || m.stopped {
		return errors.New("no master runs")
	}
	info := mesos.FrameworkInfo{
		User: "root", Name: spec.Name, Roles: []string{spec.Role},
		Capabilities: []mesos.FrameworkInfo_Capability{
			{Type: mesos.FrameworkInfo_Capability_MULTI_ROLE},
			{Type: mesos.FrameworkInfo_Capability_RESERVATION_REFINEMENT},
			{Type: mesos.FrameworkInfo_Capability_PARTITION_AWARE},
			{Type: mesos.FrameworkInfo_Capability_GPU_RESOURCES},
			{Type: mesos.FrameworkInfo_Capability_REGION_AWARE},
		},
	}
	if err := validateFrameworkInfo(&info); err != nil {
		return fmt.Errorf("neighbour %s: %w", spec.Name, err)
	}
	fw := newFramework(m.newFrameworkID(), info)
	fw.neighbour = &neighbour{spec: spec, task: task, started: map[string]bool{}}
	m.addNeighbour(fw)
	return nil
}

// addNeighbour subscribes fw with a stream that nobody reads.
func (m *master) addNeighbour(fw *framework) {
	silent := newStream(mediaJSON)
	silent.end()
	m.addFramework(fw, nil, silent)
}

// keepNeighbours subscribes the neighbours that a former master had.
func (m *master) keepNeighbours(former *master) {
	if former == nil {
		return
	}
	for _, old := range former.frameworksInOrder() {
		if old.neighbour == nil {
			continue
		}
		fw := newFramework(old.id, old.info)
		fw.neighbour = old.neighbour
		m.joinKnown(fw)
		m.addNeighbour(fw)
	}
}

// StopNeighbour ends a competing framework: all it had is free again.
func (s *Sim) StopNeighbour(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.master
	if m == nil || m.stopped {
		return errors.New("no master runs")
	}
	found := errNeighbour
	for _, fw := range m.frameworksInOrder() {
		if fw.neighbour != nil && fw.info.Name == name {
			m.removeFramework(fw)
			found = nil
		}
	}
	return found
}

// react lets a framework that lives in the emulator answer its offers, once the
// allocation that made them is done.
func (m *master) react(fw *framework, offers []mesos.Offer) {
	if fw.neighbour == nil {
		return
	}
	m.after(agentLatency, func() {
		for i := range offers {
			if o := fw.offers[offers[i].ID.Value]; o != nil {
				fw.neighbour.answer(m, fw, o)
			}
		}
	})
}

func (n *neighbour) answer(m *master, fw *framework, o *offer) {
	hostname := o.agent.host.spec.Hostname
	wanted := len(n.spec.Agents) == 0 || slices.Contains(n.spec.Agents, hostname)
	if wanted && len(n.task) == 0 {
		return
	}
	refuse := longDecline
	call := &scheduler.Call_Accept{
		OfferIDs: []mesos.OfferID{{Value: o.id}}, Filters: &mesos.Filters{RefuseSeconds: &refuse},
	}
	if wanted && !n.started[hostname] && o.resources.contains(n.task.allocate(o.role)) {
		n.started[hostname] = true
		call.Operations = []mesos.Offer_Operation{n.launch(o)}
	}
	m.accept(fw, call)
}

func (n *neighbour) launch(o *offer) mesos.Offer_Operation {
	hostname, command := o.agent.host.spec.Hostname, "sleep infinity"
	return mesos.Offer_Operation{
		Type: mesos.Offer_Operation_LAUNCH,
		Launch: &mesos.Offer_Operation_Launch{TaskInfos: []mesos.TaskInfo{{
			Name: n.spec.Name, TaskID: mesos.TaskID{Value: n.spec.Name + "." + hostname},
			AgentID: mesos.AgentID{Value: o.agent.id}, Resources: n.task.toProto(),
			Command: &mesos.CommandInfo{Value: &command},
		}}},
	}
}
