package simtest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	extenderv1 "k8s.io/kube-scheduler/extender/v1"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/mesossim"
)

// pod creates a pod of that many cpus and 64 MiB; its UID is uid-NAME.
func (s *stage) pod(name, cpus string) *corev1.Pod { return s.podWith(name, "uid-"+name, cpus, "64Mi") }

func (s *stage) podWith(name, uid, cpus, mem string) *corev1.Pod {
	s.t.Helper()
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: name, UID: types.UID(uid), CreationTimestamp: metav1.NewTime(time.Now()),
		},
		Spec: corev1.PodSpec{SchedulerName: schedulerName, Containers: []corev1.Container{{
			Name: "main", Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{
				corev1.ResourceCPU: resource.MustParse(cpus), corev1.ResourceMemory: resource.MustParse(mem),
			}},
		}}},
	}
	created, err := s.kube.Client().CoreV1().Pods(namespace).Create(s.ctx, pod, metav1.CreateOptions{})
	s.done(err)
	s.story.tell("pod %s created: %s", shown(pod), requested(pod))
	return created
}

// remove deletes a pod at once.
func (s *stage) remove(pod *corev1.Pod) {
	s.t.Helper()
	s.story.tell("pod %s deleted", shown(pod))
	s.done(s.kube.Client().CoreV1().Pods(namespace).Delete(s.ctx, pod.Name, metav1.DeleteOptions{}))
}

// end lets a pod succeed or fail.
func (s *stage) end(pod *corev1.Pod, phase corev1.PodPhase) {
	s.t.Helper()
	current, err := s.kube.Client().CoreV1().Pods(namespace).Get(s.ctx, pod.Name, metav1.GetOptions{})
	s.done(err)
	current.Status.Phase = phase
	_, err = s.kube.Client().CoreV1().Pods(namespace).UpdateStatus(s.ctx, current, metav1.UpdateOptions{})
	s.done(err)
}

// nodeOf is the node that the kube-apiserver has the pod bound to.
func (s *stage) nodeOf(pod *corev1.Pod) string {
	for _, current := range s.pods() {
		if current.UID == pod.UID {
			return current.Spec.NodeName
		}
	}
	return ""
}

// filter asks which of the nodes, all if none is named, fit, and if none does,
// why not. An error of the call or in the answer is the reason "".
func (s *stage) filter(pod *corev1.Pod, nodes ...string) (fits []string, why map[string]string) {
	s.t.Helper()
	if len(nodes) == 0 {
		nodes = s.nodeNames()
	}
	var result extenderv1.ExtenderFilterResult
	if err := s.p.post(s.ctx, "filter", extenderv1.ExtenderArgs{Pod: pod, NodeNames: &nodes}, &result); err != nil {
		return nil, map[string]string{"": err.Error()}
	}
	if result.Error != "" {
		return nil, map[string]string{"": result.Error}
	}
	why = maps.Clone(map[string]string(result.FailedNodes))
	if why == nil {
		why = map[string]string{}
	}
	maps.Copy(why, result.FailedAndUnresolvableNodes)
	if result.NodeNames != nil {
		fits = *result.NodeNames
	}
	return fits, why
}

// fits waits until filter lets the pod pass on a node.
func (s *stage) fits(pod *corev1.Pod, node string) {
	s.t.Helper()
	s.eventually(fmt.Sprintf("%s fits on %s", shown(pod), node), func() bool {
		nodes, _ := s.filter(pod)
		return slices.Contains(nodes, node)
	})
}

// binding is a call of bind under way.
type binding struct {
	s      *stage
	pod    *corev1.Pod
	over   chan struct{}
	err    error // once over is closed
	hangUp context.CancelCauseFunc
	began  time.Time
	took   time.Duration
}

// startBind calls bind of the process started last.
func (s *stage) startBind(pod *corev1.Pod, node string) *binding { return s.bindAt(s.p, pod, node) }

func (s *stage) bindAt(p *process, pod *corev1.Pod, node string) *binding {
	ctx, cancel := context.WithCancelCause(s.ctx)
	b := &binding{s: s, pod: pod, over: make(chan struct{}), hangUp: cancel, began: time.Now()}
	s.story.tell("bind %s to %s at %s", shown(pod), node, p.name)
	s.busy.Go(func() {
		defer close(b.over)
		var result extenderv1.ExtenderBindingResult
		b.err = p.post(ctx, "bind", extenderv1.ExtenderBindingArgs{
			PodName: pod.Name, PodNamespace: pod.Namespace, PodUID: pod.UID, Node: node,
		}, &result)
		if b.err == nil && result.Error != "" {
			b.err = errors.New(result.Error)
		}
		b.took = time.Since(b.began)
		s.story.tell("bind %s to %s answered: %v", shown(pod), node, b.err)
	})
	return b
}

// wait returns the answer.
func (b *binding) wait() error {
	b.s.t.Helper()
	b.s.eventually("bind of "+shown(b.pod)+" is answered", func() bool { return !b.pending() })
	return b.err
}

func (b *binding) pending() bool {
	select {
	case <-b.over:
		return false
	default:
		return true
	}
}

// bind binds a pod; the answer must be that it is done.
func (s *stage) bind(pod *corev1.Pod, node string) {
	s.t.Helper()
	if err := s.startBind(pod, node).wait(); err != nil {
		s.t.Fatalf("bind %s to %s: %v", shown(pod), node, err)
	}
	if got := s.nodeOf(pod); got != node {
		s.t.Fatalf("%s is on %q instead of %s", shown(pod), got, node)
	}
}

// retry tries until a bind succeeds, as kube-scheduler does.
func (s *stage) retry(pod *corev1.Pod, node string) {
	s.t.Helper()
	var err error
	for began := time.Now(); time.Since(began) < soon; time.Sleep(time.Second) {
		if nodes, _ := s.filter(pod); !slices.Contains(nodes, node) {
			continue
		}
		if err = s.startBind(pod, node).wait(); err == nil {
			s.expect(s.nodeOf(pod) == node, "%s is on %s", shown(pod), node)
			return
		}
	}
	s.t.Fatalf("%s cannot be bound to %s: %v", shown(pod), node, err)
}

// held is what the agent on a host has on disk for a pod.
func (s *stage) held(host string, pod *corev1.Pod) (mesossim.Reservation, bool) {
	found, ok := ours(s.agents()[host].OnDisk)[string(pod.UID)]
	return found, ok
}

// holds and lacks are conditions for eventually and always.
func (s *stage) holds(host string, pod *corev1.Pod) func() bool {
	return func() bool { _, ok := s.held(host, pod); return ok }
}

func (s *stage) lacks(host string, pod *corev1.Pod) func() bool {
	return func() bool { _, ok := s.held(host, pod); return !ok }
}

// reservations counts those of a pod on all agents, in the master's books and
// on disk.
func (s *stage) reservations(pod *corev1.Pod) int {
	count := 0
	for _, agent := range s.agents() {
		_, booked := ours(agent.Reservation)[string(pod.UID)]
		_, stored := ours(agent.OnDisk)[string(pod.UID)]
		if booked || stored {
			count++
		}
	}
	return count
}

// sent is how many calls of a type the master took since it started.
func (s *stage) sent(call string) int { return s.sim.Books().Counters.Calls[call] }

// operations is how many RESERVEs or UNRESERVEs frameworks asked for since the
// master started.
func (s *stage) operations(kind string) int { return s.sim.Books().Counters.Operations[kind] }

// posted is how many Bindings reached the kube-apiserver.
func (s *stage) posted() int { return s.kube.Calls("create", "pods/binding") }

// events lists the reasons of the Events about a pod.
func (s *stage) events(pod *corev1.Pod) []string {
	list, err := s.kube.Client().EventsV1().Events(namespace).List(s.ctx, metav1.ListOptions{})
	s.done(err)
	var reasons []string
	for i := range list.Items {
		if list.Items[i].Regarding.UID == pod.UID {
			reasons = append(reasons, list.Items[i].Reason)
		}
	}
	return reasons
}

// operatorReserves takes cpus of an agent for the operator's role, for which the
// master takes offers back; operatorGives gives them up.
func (s *stage) operatorReserves(host string, cpus float64) {
	s.t.Helper()
	s.operator("RESERVE_RESOURCES", "reserve_resources", s.operatorAmount(host, cpus))
}

func (s *stage) operatorGives(host string, cpus float64) {
	s.t.Helper()
	s.operator("UNRESERVE_RESOURCES", "unreserve_resources", s.operatorAmount(host, cpus))
}

func (s *stage) operatorAmount(host string, cpus float64) map[string]any {
	return map[string]any{
		"agent_id": value(s.agents()[host].ID), "resources": []any{map[string]any{
			"type": "SCALAR", "name": "cpus", "scalar": map[string]any{"value": cpus},
			"reservations": []any{map[string]any{"type": "DYNAMIC", "role": "ops"}},
		}},
	}
}
