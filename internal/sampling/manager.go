package sampling

import (
	"context"
	"iter"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/kube"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/offercache"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

const (
	// lookEvery is how soon a label goes after room has come.
	lookEvery = 250 * time.Millisecond
	// surveyEvery is the time between two passes over all nodes; soonest applies
	// when something happened that the offers do not show. At 100,000 nodes a
	// pass takes about 90 ms.
	surveyEvery = 10 * time.Second
	soonest     = time.Second
	// markAfter is how long, while offers are demanded, a node has no room before
	// it is labelled: every agent has been offered by then if it has anything,
	// and most pods that end are replaced.
	markAfter = 30 * time.Second
	// maxFlaps bounds by how often markAfter doubles for a node that got room
	// again: what changes all the time is not worth two writes each time.
	maxFlaps = 3
)

// Nodes are the nodes as the informer has them; *kube.Nodes is one.
type Nodes interface {
	// All yields every node, in no order.
	All() iter.Seq[*corev1.Node]
	// Node returns the one of that name.
	Node(name string) (*corev1.Node, bool)
	// CountWithoutOffers returns how many carry the label.
	CountWithoutOffers() int
	// Map says which node is which agent.
	Map() *kube.NodeMap
}

// Options are the settings of a Manager.
type Options struct {
	// Enabled labels nodes; otherwise labels that are found are taken off.
	Enabled bool
	// Roles are those whose offers pods may use.
	Roles []string
	// Minimum is what every pod reserves at least: less is no room.
	Minimum resources.Vector
}

// Deps are the services a Manager works with.
type Deps struct {
	Nodes    Nodes
	Snapshot func() *offercache.Snapshot
	// Demanded reports whether offers are asked for now, and what the agents
	// have is known: only then is an agent without offers one without room.
	Demanded func() bool
	// Usable reports whether filter lets pods go to an agent that has room.
	Usable func(agentID string) bool
	// Needed reports whether kube-scheduler must see an agent's node although
	// nothing is free there.
	Needed func(agentID string) bool
	// Label puts the label on a node or takes it off; a node that does not exist
	// any more is no error.
	Label      func(ctx context.Context, node string, uid types.UID, without bool) error
	Log        *zap.Logger
	Registerer prometheus.Registerer
	Clock      clock.WithTicker
}

// Manager labels nodes. Create it with New, run it with Run while leading.
type Manager struct {
	opts    Options
	deps    Deps
	metrics *metrics
	asked   atomic.Bool // for a survey

	// Everything below belongs to the goroutine of Run.
	book
}

// book is what a Manager has seen since it leads. The labels themselves are
// remembered by the nodes.
type book struct {
	snapshot *offercache.Snapshot // the latest that was read
	placed   *kube.NodeMap        // that of the latest survey
	roomy    map[string]bool      // IDs of agents whose offers hold a pod
	// demanded is for how long offers were demanded so far; lastLook is zero if
	// they were not at the last look.
	demanded time.Duration
	lastLook time.Time
	surveyed time.Time
	// lacking: node without room and label → demanded when it was first seen so.
	lacking map[string]time.Duration
	flaps   map[string]int  // node → how often its label was taken off
	enter   []string        // nodes to label
	leave   map[string]bool // nodes whose label is to go
	written map[string]bool // node → label as written since the last survey
	retry   time.Time       // no label is taken off before
}

func newBook() book {
	return book{
		roomy: map[string]bool{}, lacking: map[string]time.Duration{}, flaps: map[string]int{},
		leave: map[string]bool{}, written: map[string]bool{},
	}
}

// New returns a Manager that has seen nothing.
func New(opts Options, deps Deps) *Manager {
	m := &Manager{opts: opts, deps: deps}
	m.metrics = newMetrics(deps.Registerer, deps.Nodes.CountWithoutOffers)
	return m
}

// Reconsider has all nodes looked at soon: something changed beside the offers.
func (m *Manager) Reconsider() { m.asked.Store(true) }

// Run works until ctx ends, and begins anew each time: what an earlier leader
// knew of the nodes is told by their labels.
func (m *Manager) Run(ctx context.Context) error {
	m.book = newBook()
	ticker := m.deps.Clock.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C():
			m.look(ctx)
		}
	}
}

// look does what is due. It costs in proportion to what changed.
func (m *Manager) look(ctx context.Context) {
	now := m.deps.Clock.Now()
	demanded := m.opts.Enabled && m.deps.Demanded()
	m.elapse(now, demanded)
	m.follow()
	if m.surveyDue(now, demanded) {
		m.survey(now)
	}
	// First what lets pods in.
	m.takeOff(ctx, now)
	if demanded { // else offers go back, and agents look as if they had none
		m.putOn(ctx)
	}
}

// elapse counts the time in which offers are demanded.
func (m *Manager) elapse(now time.Time, demanded bool) {
	if !demanded {
		m.lastLook = time.Time{}
		return
	}
	if !m.lastLook.IsZero() {
		m.demanded += now.Sub(m.lastLook)
	}
	m.lastLook = now
}
