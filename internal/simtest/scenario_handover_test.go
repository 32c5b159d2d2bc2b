package simtest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/config"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/mesossim"
)

// crowded has a pod on all cpus of host-0, and another framework that runs a
// task there as soon as it is offered one cpu.
func crowded(s *stage) *corev1.Pod {
	s.t.Helper()
	pod := s.pod("old", "4")
	s.fits(pod, "host-0")
	s.bind(pod, "host-0")
	s.done(s.sim.StartNeighbour(mesossim.NeighbourSpec{
		Name: "rival", Role: "rival", Agents: []string{"host-0"}, Task: "cpus:1;mem:64",
	}))
	time.Sleep(2 * time.Second) // it has been offered all else there is
	return pod
}

// rivals is how many tasks the other framework has.
func (s *stage) rivals() int {
	for _, framework := range s.sim.Books().Frameworks {
		if framework.Name == "rival" {
			return framework.Tasks
		}
	}
	s.t.Fatal("the other framework is gone")
	return 0
}

// unreservedCPUs is what the master could offer to anybody.
func (s *stage) unreservedCPUs(host string) float64 {
	agent := s.agents()[host]
	left := agent.Total["cpus"]
	for _, r := range agent.Reservation {
		left -= r.Amounts["cpus"]
	}
	return left
}

// replace lets old end and binds another pod to host-0 as kube-scheduler would.
// Between the two no cpu of the agent may be there for others.
func (s *stage) replace(old *corev1.Pod, name string) *corev1.Pod {
	s.t.Helper()
	fresh := s.pod(name, "4")
	s.eventually(name+" fits nowhere on a full agent", func() bool {
		nodes, _ := s.filter(fresh)
		return !slices.Contains(nodes, "host-0")
	})
	s.remove(old)
	s.fits(fresh, "host-0")
	b := s.startBind(fresh, "host-0")
	for began := time.Now(); b.pending() && time.Since(began) < soon; time.Sleep(time.Millisecond) {
		if left := s.unreservedCPUs("host-0"); left > 0 {
			s.t.Fatalf("the master's books have %g cpus unreserved between the pods", left)
		}
	}
	s.done(b.wait())
	s.expect(s.holds("host-0", fresh)() && s.lacks("host-0", old)(), "%s has the reservation", name)
	return fresh
}

// A rolling update on an agent that another framework waits for.
func TestRollingUpdateLosesNothingToAnotherFramework(t *testing.T) {
	play(t, scene{}, func(s *stage) {
		pod := crowded(s)
		for i := range 5 {
			pod = s.replace(pod, fmt.Sprint("new-", i))
		}
		s.expect(s.rivals() == 0, "the other framework got nothing")
		s.expect(s.metric("handovers_total") == 5, "each was handed over")
		s.remove(pod)
		s.eventually("what nobody wants goes to others in the end", func() bool { return s.rivals() == 1 })
	})
}

// The offer that shows the reservation was given back while the cluster was
// idle: REVIVE brings it.
func TestHandOverAfterTheOfferWasDeclined(t *testing.T) {
	play(t, scene{}, func(s *stage) {
		pod := crowded(s)
		time.Sleep(20 * time.Second)
		s.replace(pod, "new")
		s.expect(s.rivals() == 0, "the other framework got nothing")
	})
}

// Without a linger the resources are for everybody at once. This also shows
// that the tests above can fail.
func TestWithoutLingerTheOtherFrameworkIsServed(t *testing.T) {
	play(t, scene{configure: func(cfg *config.Config) { cfg.Release.Linger = seconds(0) }}, func(s *stage) {
		s.remove(crowded(s))
		s.eventually("the other framework got its cpu", func() bool { return s.rivals() == 1 })
	})
}

func TestLingerThenCrash(t *testing.T) {
	play(t, scene{}, func(s *stage) {
		pod := crowded(s)
		s.remove(pod)
		time.Sleep(beat)
		s.crash()
		s.restart("A2")
		s.eventually("the orphan is released", s.lacks("host-0", pod))
	})
}

// resize changes the cpus of a pod as its resize subresource does, and answers
// for the kubelet.
func (s *stage) resize(pod *corev1.Pod, spec, actual string) {
	s.t.Helper()
	pods := s.kube.Client().CoreV1().Pods(namespace)
	current, err := pods.Get(s.ctx, pod.Name, metav1.GetOptions{})
	s.done(err)
	current.Spec.Containers[0].Resources.Requests[corev1.ResourceCPU] = resource.MustParse(spec)
	current, err = pods.Update(s.ctx, current, metav1.UpdateOptions{})
	s.done(err)
	has := corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(actual)}
	current.Status.ContainerStatuses = []corev1.ContainerStatus{{
		Name: "main", AllocatedResources: has, Resources: &corev1.ResourceRequirements{Requests: has},
	}}
	_, err = pods.UpdateStatus(s.ctx, current, metav1.UpdateOptions{})
	s.done(err)
	s.story.tell("pod %s resized to %s, has %s", shown(pod), spec, actual)
}

// cpus is a condition: the agent has that many on disk for the pod.
func (s *stage) cpus(host string, pod *corev1.Pod, want float64) func() bool {
	return func() bool { r, _ := s.held(host, pod); return r.Amounts["cpus"] == want }
}

func TestReservationFollowsAResizedPod(t *testing.T) {
	play(t, scene{}, func(s *stage) {
		pod := boundPod(s, "a")
		s.resize(pod, "3", "1")
		s.eventually("it grew", s.cpus("host-0", pod, 3))
		s.expect(s.reservations(pod) == 1, "it has one reservation, not two")
		s.resize(pod, "1", "3")
		s.always("nothing is taken from the pod before the kubelet has", 5*time.Second, s.cpus("host-0", pod, 3))
		s.resize(pod, "1", "1")
		s.eventually("it shrank", s.cpus("host-0", pod, 1))
		s.remove(pod)
		s.eventually("it is released", s.lacks("host-0", pod))
	})
}

func TestResizedPodWaitsForOffers(t *testing.T) {
	play(t, scene{}, func(s *stage) {
		pod := boundPod(s, "a")
		s.operatorReserves("host-0", 2.5)
		s.resize(pod, "2", "1")
		s.eventually("its owner is told", func() bool { return slices.Contains(s.events(pod), "MesosResizeWaits") })
		s.expect(s.cpus("host-0", pod, 1)(), "it has what it had")
		s.operatorGives("host-0", 2.5)
		s.eventually("it grew", s.cpus("host-0", pod, 2))
		s.eventually("its owner is told that too", func() bool { return slices.Contains(s.events(pod), "MesosResized") })
	})
}

func TestResizeWhileNoExtenderRuns(t *testing.T) {
	play(t, scene{}, func(s *stage) {
		grows, shrinks := boundPod(s, "grows"), boundPod(s, "shrinks")
		s.crash()
		s.resize(grows, "1500m", "1500m")
		s.resize(shrinks, "500m", "500m")
		s.restart("A2")
		s.eventually("one grew", s.cpus("host-0", grows, 1.5))
		s.eventually("the other shrank", s.cpus("host-0", shrinks, 0.5))
	})
}
