package simtest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/mesossim"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/offercache"
)

// forgiven is how long after an agent lost its disk a Binding may still come
// that was confirmed before: nobody can know.
const forgiven = 20 * time.Second

// doomedFor is how long a bind may wait for an offer that may come back:
// bind.remainderWait, and a step of this simulation.
const doomedFor = 3500 * time.Millisecond

// agents returns the agents of the emulated master's books by hostname.
func (w *world) agents() map[string]mesossim.AgentBooks {
	out := map[string]mesossim.AgentBooks{}
	for _, agent := range w.sim.Books().Agents {
		out[agent.Hostname] = agent
	}
	return out
}

// ours returns the pod UIDs of the reservations with our label, and their sums.
func ours(list []mesossim.Reservation) map[string]mesossim.Reservation {
	out := map[string]mesossim.Reservation{}
	for _, r := range list {
		if r.Labels[clusterLabel] == cluster {
			out[r.Labels[uidLabel]] = r
		}
	}
	return out
}

func covers(r mesossim.Reservation, want request) bool {
	return r.Amounts["cpus"] >= want.cpus && r.Amounts["mem"] >= want.mem && (want.port == 0 || hasPort(r.Ports, want.port))
}

// hasPort reads ranges such as [31000-31001].
func hasPort(ranges string, port int32) bool {
	for text := range strings.SplitSeq(strings.Trim(ranges, "[]"), ",") {
		var low, high int32
		if n, _ := fmt.Sscanf(strings.TrimSpace(text), "%d-%d", &low, &high); n == 2 && low <= port && port <= high {
			return true
		}
	}
	return false
}

// bindingAccepted checks the first invariant at the instant in which the
// kube-apiserver accepts a Binding.
func (w *world) bindingAccepted(pod *corev1.Pod) {
	w.story.tell("kube-apiserver: %s bound to %s", shown(pod), pod.Spec.NodeName)
	uid, host := string(pod.UID), pod.Spec.NodeName
	w.mu.Lock()
	w.counts.Binds++
	w.boundAt[uid] = time.Now()
	wiped, wasWiped := w.wipedAt[host]
	w.mu.Unlock()
	if wasWiped && time.Since(wiped) < forgiven {
		return
	}
	agent := w.agents()[host]
	list := agent.OnDisk
	if w.mute[host] && agent.Registered {
		list = agent.Reservation // a new master knows nothing before its agents are back
	}
	if found, ok := ours(list)[uid]; !ok || !covers(found, requested(pod)) {
		w.violated("pod %s was bound to %s, whose agent holds %v for it", shown(pod), host, found.Amounts)
	}
}

// bound is told of a bind that the extender calls done.
func (w *world) bound(pod *corev1.Pod, node string) {
	for _, current := range w.pods() {
		if current.UID == pod.UID && current.Spec.NodeName != node {
			w.violated("the extender called %s bound to %s, it is on %q", shown(pod), node, current.Spec.NodeName)
		}
	}
}

// check is done after every step.
func (w *world) check() {
	agents := w.agents()
	disk := map[string]bool{}
	for _, host := range w.hosts {
		agent := agents[host]
		for uid := range ours(agent.OnDisk) {
			disk[uid] = true
		}
		w.checkTotal(agent)
	}
	w.countReleases(disk)
	for _, t := range w.neighbour.owned() {
		if !w.hasThing(agents[t.hostname], t) {
			w.violated("%s of the neighbour on %s is not what it was", t.label, t.hostname)
		}
	}
	for _, p := range w.all {
		if p.illegal.Load() > 0 {
			w.violated("%s made an illegal transition", p.name)
		}
	}
	for _, p := range w.processes() {
		w.checkOffers(p)
	}
}

// checkOffers compares the daemon's offers with the master's books, which it
// can only be behind of while its connection stands still.
func (w *world) checkOffers(p *process) {
	cache := p.app.Offers()
	stats := cache.Stats()
	if stats.Generation == 0 || p.link.isFrozen() {
		return
	}
	w.checkDoomed(p, cache)
	for _, fw := range w.sim.Books().Frameworks {
		if fw.Name == "kube-mesos-extender" && fw.Connected && stats.Offers > fw.Offers {
			w.violated("%s believes in %d offers, the master in %d", p.name, stats.Offers, fw.Offers)
		}
	}
}

// checkDoomed checks that no bind waits for long for offers that are gone.
func (w *world) checkDoomed(p *process, cache *offercache.Cache) {
	waits := map[string]time.Time{}
	for _, key := range cache.Waiting() {
		for _, uid := range cache.Doomed(key) {
			since, known := w.doomed[p.name+uid]
			if !known {
				since = time.Now()
			}
			waits[p.name+uid] = since
			if time.Since(since) > doomedFor {
				w.violated("%s lets %s wait for offers of %s that are gone", p.name, uid, key.AgentID)
			}
		}
	}
	for name, since := range w.doomed {
		if !strings.HasPrefix(name, p.name) {
			waits[name] = since
		}
	}
	w.doomed = waits
}

// notMade is told of a bind that failed because its reservation was not made.
func (w *world) notMade(pod *corev1.Pod, node string) {
	agent := w.agents()[node]
	if _, made := ours(agent.OnDisk)[string(pod.UID)]; made && agent.Running {
		w.violated("the extender says that nothing was reserved for %s, %s holds it", shown(pod), node)
	}
}

func (w *world) countReleases(disk map[string]bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for uid := range w.onDisk {
		if !disk[uid] {
			w.counts.Releases++
		}
	}
	w.onDisk = disk
}

// checkTotal checks that an agent has not promised more than it has, and that
// what its operator reserved is still there.
func (w *world) checkTotal(agent mesossim.AgentBooks) {
	if !agent.Registered {
		return
	}
	sum := map[string]float64{}
	static := 0.0
	for _, r := range agent.Reservation {
		for name, amount := range r.Amounts {
			sum[name] += amount
		}
		if r.Static {
			static += r.Amounts["cpus"]
		}
	}
	for _, name := range slices.Sorted(maps.Keys(sum)) {
		if sum[name] > agent.Total[name] {
			w.violated("%s has promised %g %s and has %g", agent.Hostname, sum[name], name, agent.Total[name])
		}
	}
	if agent.Hostname == "node-1" && static != 1 {
		w.violated("%s has %g cpus of the operator's instead of 1", agent.Hostname, static)
	}
}

func (w *world) hasThing(agent mesossim.AgentBooks, t *thing) bool {
	for _, r := range agent.OnDisk {
		if r.Labels[neighbourLabel] == t.label {
			return r.Amounts["cpus"] == float64(t.portions[0].Vector.Get("cpus"))/1000
		}
	}
	return false
}
