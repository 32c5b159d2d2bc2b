package simtest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/kube/kubetest"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/mesossim"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/simtest/luck"
)

// world is everything of one run.
type world struct {
	rng   *rand.Rand // of the main loop, nobody else's
	dice  *dice      // of all others
	luck  *luck.Source
	story *story
	level zapcore.Level

	network   *network
	sim       *mesossim.Sim
	kube      *kubetest.Cluster
	api       *apiserver
	scheduler *kubeScheduler
	neighbour *neighbour

	ctx    context.Context // of the actors around the daemon
	cancel context.CancelFunc
	busy   sync.WaitGroup

	hosts      []string
	addresses  map[string]string // of the hosts
	mute       map[string]bool   // agents without operation feedback
	slots      []*slot
	all        []*process
	events     []event // to come, made by faults
	faulting   bool
	made       int // pods so far
	names      []string
	quietSince atomic.Int64         // when the faults ended, in Unix nanoseconds; 0: not yet
	doomed     map[string]time.Time // process and pod UID → since when it waits in vain

	mu         sync.Mutex // guards the rest
	violations []string
	running    []*process
	wipedAt    map[string]time.Time // hostname → when its agent lost its disk
	boundAt    map[string]time.Time // pod UID → when its Binding was accepted
	onDisk     map[string]bool      // UIDs with a reservation at the last look
	counts     counts
}

// counts are what a run reports.
type counts struct {
	Faults          map[string]int
	Steps           int
	Binds, Releases int
}

// slot is one replica: at most one of its processes runs at a time.
type slot struct {
	name      string
	wanted    bool
	lives     int
	process   *process
	notBefore time.Time
}

// event is the end of a fault.
type event struct {
	at time.Time
	do func()
}

func newWorld(seed uint64, luck *luck.Source, level zapcore.Level) (*world, error) {
	w := &world{
		rng: rand.New(rand.NewPCG(seed, 0)), dice: newDice(seed), luck: luck, level: level,
		story: &story{luck: luck, began: time.Now()}, network: &network{luck: luck}, addresses: map[string]string{}, mute: map[string]bool{},
		wipedAt: map[string]time.Time{}, boundAt: map[string]time.Time{}, onDisk: map[string]bool{},
		counts: counts{Faults: map[string]int{}},
	}
	w.dice.luck = luck
	w.ctx, w.cancel = context.WithCancel(context.Background())
	if err := w.startMesos(); err != nil {
		return nil, err
	}
	w.kube = kubetest.New()
	w.kube.OnBind(w.bindingAccepted)
	w.api = newAPIServer(w.kube, w.dice)
	w.api.violated = w.violated
	for _, host := range w.hosts {
		w.addNode(host)
	}
	w.scheduler = newKubeScheduler(w)
	var err error
	if w.neighbour, err = newNeighbour(w); err != nil {
		return nil, err
	}
	w.slots = []*slot{{name: "A", wanted: true}, {name: "B", wanted: w.rng.IntN(2) == 0}}
	w.busy.Go(func() { w.scheduler.run(w.ctx) })
	w.busy.Go(func() { w.neighbour.run(w.ctx) })
	return w, nil
}

func (w *world) startMesos() error {
	options := mesossim.Options{
		Addr: "127.0.0.1:5050", Listen: w.network.listen,
		MasterFlags: []string{
			"--allocation_interval=500ms", "--agent_ping_timeout=1secs", "--max_agent_ping_timeouts=3",
			"--agent_reregister_timeout=20secs",
		},
		OnCheck:           func(message string) { w.violated("a call killed the master: %s", message) },
		HeartbeatInterval: time.Second, AgentStartup: 500 * time.Millisecond, AgentReconnect: 700 * time.Millisecond,
		ShuffleAgents: func(names []string) {
			w.dice.rng("allocation").Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
		},
		Logger: zap.NewNop(),
	}
	for i := range 3 + w.rng.IntN(3) {
		spec := mesossim.AgentSpec{
			Hostname: fmt.Sprint("node-", i), IP: fmt.Sprint("10.0.0.", i+1),
			Resources: "cpus:4;mem:4096;disk:1000;ports:[31000-31009]",
		}
		if i == 1 {
			spec.Resources = "cpus:3;cpus(ops):1;mem:3072;mem(ops):1024;disk:1000;ports:[31000-31009]"
		}
		if i == 2 && w.rng.IntN(4) == 0 {
			spec.NoOperationFeedback = true
			w.mute[spec.Hostname] = true
		}
		w.hosts = append(w.hosts, spec.Hostname)
		w.addresses[spec.Hostname] = spec.IP
		options.Agents = append(options.Agents, spec)
	}
	var err error
	w.sim, err = mesossim.Start(context.Background(), options)
	return err
}

// violated notes that an invariant is broken.
func (w *world) violated(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	w.story.tell("VIOLATION: %s", text)
	w.mu.Lock()
	defer w.mu.Unlock()
	if !slices.Contains(w.violations, text) {
		w.violations = append(w.violations, text)
	}
}

func (w *world) broken() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.violations) > 0
}

// later has something done when the time has come, between two steps.
func (w *world) later(d time.Duration, do func()) {
	w.events = append(w.events, event{time.Now().Add(d), do})
}

// due does what has become due, in order.
func (w *world) due(all bool) {
	events := w.events
	w.events = nil
	slices.SortStableFunc(events, func(a, b event) int { return a.at.Compare(b.at) })
	for i, e := range events {
		if !all && e.at.After(time.Now()) {
			w.events = append(w.events, events[i:]...)
			return
		}
		e.do()
	}
}

// tend starts the processes that should run.
func (w *world) tend() {
	for _, s := range w.slots {
		if s.process != nil && !s.process.running() {
			s.process = nil
			s.notBefore = time.Now().Add(between(w.rng, 100*time.Millisecond, 2*time.Second))
		}
		if !s.wanted || s.process != nil || time.Now().Before(s.notBefore) {
			continue
		}
		s.lives++
		p, err := w.launch(fmt.Sprint(s.name, s.lives))
		if err != nil {
			w.violated("%v", err)
			return
		}
		w.story.tell("%s starts", p.name)
		s.process = p
		w.all = append(w.all, p)
	}
	running := w.processes()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.running = running
}

// processes lists those that run.
func (w *world) processes() []*process {
	var out []*process
	for _, s := range w.slots {
		if p := s.process; p != nil && p.running() {
			out = append(out, p)
		}
	}
	return out
}

// call sends kube-scheduler's call to a replica that is ready, or now and then
// to any: endpoints lag behind.
func (w *world) call(ctx context.Context, verb string, in, out any) error {
	running := w.endpoints()
	var ready []*process
	for _, p := range running {
		if p.ready() {
			ready = append(ready, p)
		}
	}
	if len(running) > 0 && w.dice.chance("endpoint", 30) {
		ready = []*process{pick(w.dice.rng("any endpoint"), running)}
	}
	if len(ready) == 0 {
		return errNoReplica
	}
	return ready[0].post(ctx, verb, in, out)
}

// endpoints is processes for other goroutines.
func (w *world) endpoints() []*process {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.running
}

// endWithin is how long a process may take to end once it was told.
const endWithin = 5 * time.Minute

// stop ends the world. Everything in it must end.
func (w *world) stop() {
	w.cancel()
	for _, p := range w.all {
		p.cancel()
	}
	for _, p := range w.all {
		select {
		case <-p.ended:
		case <-time.After(endWithin):
			panic(fmt.Sprintf("%s does not end; the story:\n%s", p.name, w.story))
		}
		p.gate.sever()
		p.link.sever()
		p.busy.Wait()
	}
	w.busy.Wait()
	w.api.busy.Wait()
	if err := w.sim.Close(); err != nil {
		w.violated("close: %v", err)
	}
	time.Sleep(endWithin) // for calls that the emulator holds up
}

func (w *world) nodeNames() []string {
	nodes, err := w.kube.Client().CoreV1().Nodes().List(w.ctx, metav1.ListOptions{})
	if err != nil {
		return nil
	}
	var names []string
	for _, node := range nodes.Items {
		names = append(names, node.Name)
	}
	slices.Sort(names)
	return names
}

func (w *world) addNode(name string) {
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{corev1.LabelHostname: name}}}
	if _, err := w.kube.Client().CoreV1().Nodes().Create(w.ctx, node, metav1.CreateOptions{}); err != nil {
		w.violated("create node: %v", err)
	}
}
