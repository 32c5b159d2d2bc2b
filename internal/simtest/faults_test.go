package simtest

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/mesossim"
)

// fault is one kind of thing that goes wrong. strike reports false if there was
// nothing to strike.
type fault struct {
	kind   string
	weight int
	strike func(*world) bool
}

// The calls of the daemon to the master that faults strike.
var mesosCalls = []string{
	"SUBSCRIBE", "ACCEPT", "ACCEPT", "ACCEPT", "DECLINE", "REVIVE", "ACKNOWLEDGE_OPERATION_STATUS",
	"RECONCILE_OPERATIONS", "GET_AGENTS", "GET_AGENTS", "UNRESERVE_RESOURCES",
}

// The requests of the daemon to the kube-apiserver that faults strike.
var apiCalls = []string{
	"bind pods", "bind pods", "bind pods", "get pods", "patch pods", "list pods", "update leases", "get leases", "",
}

var faults = []fault{
	{"mesos-delay", 6, func(w *world) bool {
		return w.strikeMesos(mesossim.Fault{Kind: mesossim.FaultDelay, Delay: between(w.rng, 10*time.Millisecond, 4*time.Second)})
	}},
	{"mesos-drop-request", 6, func(w *world) bool { return w.strikeMesos(mesossim.Fault{Kind: mesossim.FaultDropRequest}) }},
	{"mesos-drop-response", 6, func(w *world) bool { return w.strikeMesos(mesossim.Fault{Kind: mesossim.FaultDropResponse}) }},
	{"mesos-error", 4, func(w *world) bool {
		return w.strikeMesos(mesossim.Fault{Kind: mesossim.FaultError, Status: http.StatusServiceUnavailable})
	}},
	{"status-lost", 5, func(w *world) bool {
		return w.inject(mesossim.Fault{Kind: mesossim.FaultLoseStatus, Count: 1 + w.rng.IntN(2)})
	}},
	{"status-duplicated", 5, func(w *world) bool {
		return w.inject(mesossim.Fault{Kind: mesossim.FaultDuplicateStatus, Count: 1 + w.rng.IntN(3)})
	}},
	{"disconnect", 4, func(w *world) bool { w.sim.Disconnect(pick(w.rng, []string{"", "kube-mesos-extender"})); return true }},
	{"half-open", 2, (*world).halfOpen},
	{"master-killed", 2, func(w *world) bool { return w.killMaster(between(w.rng, 100*time.Millisecond, 4*time.Second)) }},
	{"master-failover", 2, func(w *world) bool { return w.killMaster(0) }},
	{"agent-killed", 4, (*world).killAgent},
	{"agent-hung", 3, (*world).hangAgent},
	{"agent-unregistered", 1, (*world).unregisterAgent},
	{"agent-gone", 1, (*world).markGone},
	{"maintenance", 1, (*world).maintain},
	{"operator-reserve", 2, (*world).operatorReserve},
	{apiRefuse, 4, func(w *world) bool { return w.strikeAPI(apiRefuse) }},
	{apiConflict, 4, func(w *world) bool { return w.strikeAPI(apiConflict) }},
	{apiLose, 3, func(w *world) bool { return w.strikeAPI(apiLose) }},
	{apiDeaf, 4, func(w *world) bool { return w.strikeAPI(apiDeaf) }},
	{apiLate, 4, func(w *world) bool { return w.strikeAPI(apiLate) }},
	{"pods-unreadable", 2, func(w *world) bool {
		w.api.inject(apiFault{kind: apiRefuse, call: "get pods", left: 2 + w.rng.IntN(20)})
		return true
	}},
	{"api-outage", 2, (*world).apiOutage},
	{"api-partition", 1, (*world).partition},
	{"informer-stale", 3, (*world).stale},
	{"watch-broken", 3, func(w *world) bool { w.api.breakWatches(pick(w.rng, []string{"A", "B", ""})); return true }},
	{"crash", 5, (*world).crash},
	{"terminate", 2, (*world).terminate},
	{"replica-scaled", 1, (*world).scale},
	{"hang-up", 4, (*world).hangUp},
	{"node-deleted", 1, (*world).deleteNode},
}

// fault lets one fault happen, by weight.
func (w *world) fault() {
	wanted := slices.DeleteFunc(slices.Clone(faults), func(f fault) bool {
		return *only != "" && !slices.Contains(strings.Split(*only, ","), f.kind)
	})
	sum := 0
	for _, f := range wanted {
		sum += f.weight
	}
	at := w.rng.IntN(sum)
	for _, f := range wanted {
		if at -= f.weight; at >= 0 {
			continue
		}
		w.story.tell("FAULT %s", f.kind)
		if f.strike(w) {
			w.counts.Faults[f.kind]++
		}
		return
	}
}

// strikeMesos makes a fault hit one of the daemon's next calls.
func (w *world) strikeMesos(f mesossim.Fault) bool {
	f.Call = pick(w.rng, mesosCalls)
	return w.inject(f)
}

func (w *world) inject(f mesossim.Fault) bool {
	if w.rng.IntN(5) > 0 && f.Call != "GET_AGENTS" && f.Call != "UNRESERVE_RESOURCES" && f.Call != "SUBSCRIBE" {
		f.Framework = "kube-mesos-extender"
	}
	w.story.tell("  of %q of %q", f.Call, f.Framework)
	if err := w.sim.Inject(f); err != nil {
		w.violated("inject: %v", err)
	}
	return true
}

func (w *world) strikeAPI(kind string) bool {
	f := apiFault{kind: kind, call: pick(w.rng, apiCalls), left: 1 + w.rng.IntN(2), delay: between(w.rng, 100*time.Millisecond, 6*time.Second)}
	w.story.tell("  of %q, %d times", f.call, f.left)
	w.api.inject(f)
	return true
}

func (w *world) halfOpen() bool {
	running := w.processes()
	if len(running) == 0 {
		return false
	}
	p := pick(w.rng, running)
	p.link.freeze()
	w.later(between(w.rng, 100*time.Millisecond, 6*time.Second), p.link.thaw)
	return true
}

// killMaster ends the master's process; another one leads after a while.
func (w *world) killMaster(downtime time.Duration) bool {
	if !w.sim.Books().Running {
		return false
	}
	w.sim.KillMaster()
	if downtime == 0 {
		w.startMaster()
		return true
	}
	w.later(downtime, w.startMaster)
	return true
}

func (w *world) startMaster() {
	if w.sim.Books().Running {
		return
	}
	w.story.tell("a master starts")
	if err := w.sim.StartMaster(); err != nil {
		w.violated("start the master: %v", err)
	}
}

// apiOutage keeps everybody from the kube-apiserver.
func (w *world) apiOutage() bool {
	d := between(w.rng, 100*time.Millisecond, 2*time.Second)
	for _, p := range w.processes() {
		w.api.outage(p.name, d)
	}
	return len(w.processes()) > 0
}

// partition keeps one replica from it, long enough to lose the Lease.
func (w *world) partition() bool {
	running := w.processes()
	if len(running) == 0 {
		return false
	}
	p := pick(w.rng, running)
	w.story.tell("  of %s", p.name)
	w.api.outage(p.name, between(w.rng, 2*time.Second, 6*time.Second))
	return true
}

func (w *world) stale() bool {
	running := w.processes()
	if len(running) == 0 {
		return false
	}
	w.api.makeStale(pick(w.rng, running).name, between(w.rng, 200*time.Millisecond, 5*time.Second))
	return true
}

// crash kills a replica, mostly the one that leads.
func (w *world) crash() bool {
	running := w.processes()
	if len(running) == 0 {
		return false
	}
	p := pick(w.rng, running)
	if i := slices.IndexFunc(running, (*process).ready); i >= 0 && w.rng.IntN(4) > 0 {
		p = running[i]
	}
	w.story.tell("  of %s", p.name)
	p.kill()
	return true
}

// terminate ends a replica as the kubelet does.
func (w *world) terminate() bool {
	running := w.processes()
	if len(running) == 0 {
		return false
	}
	p := pick(w.rng, running)
	w.story.tell("  of %s", p.name)
	p.cancel()
	return true
}

// scale starts or ends the second replica.
func (w *world) scale() bool {
	b := w.slots[1]
	b.wanted = !b.wanted
	if b.process != nil && !b.wanted {
		b.process.cancel()
	}
	return true
}

func (w *world) hangUp() bool {
	w.scheduler.mu.Lock()
	defer w.scheduler.mu.Unlock()
	w.scheduler.hangUps += 1 + w.rng.IntN(2)
	return true
}

// heal ends all faults.
func (w *world) heal() {
	w.due(true)
	w.sim.ClearFaults()
	w.api.heal()
	w.startMaster()
	for _, host := range w.hosts {
		w.mendAgent(host)
	}
	for _, p := range w.all {
		p.link.thaw()
	}
	for _, s := range w.slots {
		s.notBefore = time.Time{}
	}
	w.slots[0].wanted = true
	w.scheduler.mu.Lock()
	w.scheduler.hangUps = 0
	w.scheduler.mu.Unlock()
	w.neighbour.settle()
	w.faulting = false
}
