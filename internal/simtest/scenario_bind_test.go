package simtest

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// overtaken has somebody else bind the pod while the daemon's Binding, which
// comes late, is on its way; the daemon's is answered 409.
func overtaken(s *stage, node string) (*corev1.Pod, error) {
	pod := s.pod("a", "1")
	s.fits(pod, "host-0")
	s.api.inject(apiFault{kind: apiLate, call: "bind pods", left: 1, delay: time.Second})
	b := s.startBind(pod, "host-0")
	s.eventually("the agent has the reservation", s.holds("host-0", pod))
	time.Sleep(beat)
	s.done(s.kube.Client().CoreV1().Pods(namespace).Bind(s.ctx, &corev1.Binding{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: pod.Name, UID: pod.UID},
		Target:     corev1.ObjectReference{Kind: "Node", Name: node},
	}, metav1.CreateOptions{}))
	s.expect(b.pending(), "the Binding is still on its way")
	return pod, b.wait()
}

func TestScenario13AlreadyOnOurNode(t *testing.T) {
	play(t, scene{}, func(s *stage) {
		pod, err := overtaken(s, "host-0")
		s.expect(err == nil, "the bind is done, not %v", err)
		s.expect(s.posted() == 2, "the daemon's Binding was refused")
		s.always("the reservation is kept", 20*time.Second, s.holds("host-0", pod))
	})
}

func TestScenario14BoundToAnotherNode(t *testing.T) {
	play(t, scene{}, func(s *stage) {
		s.kube.OnBind(func(*corev1.Pod) {}) // the other one knows nothing of reservations
		pod, err := overtaken(s, "host-1")
		s.expect(err != nil, "the bind fails")
		s.eventually("our reservation is released", s.lacks("host-0", pod))
		s.expect(s.nodeOf(pod) == "host-1", "the pod stays where it is")
	})
}

func TestScenario15BindingTookEffect(t *testing.T) {
	play(t, scene{}, func(s *stage) {
		pod := s.pod("a", "1")
		s.fits(pod, "host-0")
		s.api.inject(apiFault{kind: apiDeaf, call: "bind pods", left: 1})
		s.startBind(pod, "host-0")
		s.eventually("the pod is bound", func() bool { return s.nodeOf(pod) == "host-0" })
		s.always("its reservation is kept", 20*time.Second, s.holds("host-0", pod))
		s.expect(s.operations("UNRESERVE") == 0, "no UNRESERVE was sent")
	})
}

func TestScenario15PodCannotBeRead(t *testing.T) {
	play(t, scene{}, func(s *stage) {
		pod := s.pod("a", "1")
		s.fits(pod, "host-0")
		time.Sleep(beat) // the informer has the pod, and hears no more of it
		s.api.makeStale("A1", soon)
		s.api.inject(apiFault{kind: apiDeaf, call: "bind pods", left: 1})
		for _, call := range []string{"bind pods", "get pods", "patch pods"} {
			s.api.inject(apiFault{kind: apiRefuse, call: call, left: 10000})
		}
		s.expect(s.startBind(pod, "host-0").wait() != nil, "the bind fails")
		s.expect(s.nodeOf(pod) == "host-0", "the Binding took effect")
		s.always("nothing is undone", 20*time.Second, s.holds("host-0", pod))
		s.api.heal()
		s.bind(pod, "host-0")
		s.always("the retry finds everything done", 20*time.Second, s.holds("host-0", pod))
	})
}

func TestScenario15BindingLostOrLate(t *testing.T) {
	for kind, name := range map[string]string{apiLose: "it got lost", apiLate: "it comes very late"} {
		t.Run(name, func(t *testing.T) {
			play(t, scene{}, func(s *stage) {
				pod := s.pod("a", "1")
				s.fits(pod, "host-0")
				s.api.inject(apiFault{kind: kind, call: "bind pods", left: 1, delay: 15 * time.Second})
				b := s.startBind(pod, "host-0")
				s.eventually("the agent has the reservation", s.holds("host-0", pod))
				s.always("it is kept while nobody knows", 3*time.Second, s.holds("host-0", pod))
				if b.wait() != nil {
					s.retry(pod, "host-0")
				}
				time.Sleep(soon) // the first Binding has arrived, and must be void
				_, holds := s.held("host-0", pod)
				s.expect(holds && s.nodeOf(pod) == "host-0", "the pod is bound and has its reservation")
				s.expect(s.operations("RESERVE") == 1 && s.operations("UNRESERVE") == 0, "there was no other operation")
			})
		})
	}
}

func TestScenario16DuplicateBindJoins(t *testing.T) {
	play(t, scene{}, func(s *stage) {
		pod := s.pod("a", "1")
		s.fits(pod, "host-0")
		s.done(s.sim.HangAgent("host-0"))
		first := s.startBind(pod, "host-0")
		time.Sleep(time.Second)
		first.hangUp(nil) // kube-scheduler's HTTP timeout
		second, third := s.startBind(pod, "host-0"), s.startBind(pod, "host-0")
		time.Sleep(beat)
		s.done(s.sim.ContinueAgent("host-0"))
		s.expect(second.wait() == nil && third.wait() == nil, "both are told that the pod is bound")
		s.expect(s.operations("RESERVE") == 1 && s.posted() == 1, "one RESERVE and one Binding were sent")
	})
}

func TestScenario17RetryNamesAnotherNode(t *testing.T) {
	play(t, scene{}, func(s *stage) {
		pod := s.pod("a", "1")
		s.fits(pod, "host-0")
		s.done(s.sim.HangAgent("host-0"))
		first := s.startBind(pod, "host-0")
		s.eventually("the first RESERVE is under way", func() bool { return s.operations("RESERVE") == 1 })
		first.hangUp(nil)
		second := s.startBind(pod, "host-1")
		if second.wait() != nil {
			s.retry(pod, "host-1")
		}
		if s.agents()["host-0"].Hung {
			s.done(s.sim.ContinueAgent("host-0"))
		}
		s.eventually("the first reservation is released", func() bool { return s.reservations(pod) == 1 })
		s.always("the second is kept", 10*time.Second, s.holds("host-1", pod))
		s.expect(s.nodeOf(pod) == "host-1", "the pod is where the retry wanted it")
	})
}

func TestScenario18CallerHangsUp(t *testing.T) {
	play(t, scene{}, func(s *stage) {
		pod := s.pod("a", "1")
		s.fits(pod, "host-0")
		s.done(s.sim.HangAgent("host-0"))
		b := s.startBind(pod, "host-0")
		time.Sleep(beat)
		b.hangUp(nil)
		s.expect(b.wait() != nil, "the caller is gone")
		s.done(s.sim.ContinueAgent("host-0"))
		s.eventually("the pod is bound all the same", func() bool { return s.nodeOf(pod) == "host-0" })
		s.expect(s.operations("RESERVE") == 1, "nothing was sent twice")
	})
}

func TestScenario19PodDeletedWhileReserving(t *testing.T) {
	play(t, scene{}, func(s *stage) {
		pod := s.pod("a", "1")
		s.fits(pod, "host-0")
		s.done(s.sim.HangAgent("host-0"))
		b := s.startBind(pod, "host-0")
		s.eventually("the RESERVE is under way", func() bool { return s.operations("RESERVE") == 1 })
		s.remove(pod)
		time.Sleep(beat)
		s.done(s.sim.ContinueAgent("host-0"))
		s.expect(b.wait() != nil, "the bind fails")
		s.eventually("it was confirmed and is released", func() bool {
			return s.reservations(pod) == 0 && s.operations("UNRESERVE")+s.sent("UNRESERVE_RESOURCES") > 0
		})
		s.expect(s.posted() == 0, "no Binding was posted")
	})
}

func TestScenario20SameNameNewUID(t *testing.T) {
	play(t, scene{}, func(s *stage) {
		old := s.pod("a", "1")
		s.fits(old, "host-0")
		s.done(s.sim.HangAgent("host-0"))
		s.startBind(old, "host-0")
		s.eventually("the RESERVE is under way", func() bool { return s.operations("RESERVE") == 1 })
		s.remove(old)
		fresh := s.podWith("a", "uid-fresh", "2", "64Mi")
		s.fits(fresh, "host-1")
		s.bind(fresh, "host-1")
		s.done(s.sim.ContinueAgent("host-0"))
		s.eventually("the old one's reservation is freed", func() bool { return s.reservations(old) == 0 })
		s.always("the new one's is kept", 15*time.Second, s.holds("host-1", fresh))
		stale := old.DeepCopy()
		stale.UID = types.UID("uid-a")
		s.expect(s.startBind(stale, "host-0").wait() != nil, "a bind for the old UID fails")
		s.expect(s.reservations(stale) == 0, "and reserves nothing")
	})
}

func TestScenario21PodEnds(t *testing.T) {
	for _, phase := range []corev1.PodPhase{corev1.PodSucceeded, corev1.PodFailed} {
		t.Run(string(phase), func(t *testing.T) {
			play(t, scene{}, func(s *stage) {
				pod := s.pod("a", "1")
				s.fits(pod, "host-0")
				s.bind(pod, "host-0")
				s.always("it is kept while the pod runs", 15*time.Second, s.holds("host-0", pod))
				s.end(pod, phase)
				s.eventually("it is released", s.lacks("host-0", pod))
				s.expect(s.nodeOf(pod) == "host-0", "the object remains")
			})
		})
	}
}

func TestScenario25NodeDeleted(t *testing.T) {
	play(t, scene{}, func(s *stage) {
		pod, other := s.pod("a", "1"), s.pod("b", "1")
		s.fits(pod, "host-0")
		s.bind(pod, "host-0")
		s.done(s.kube.Client().CoreV1().Nodes().Delete(s.ctx, "host-0", metav1.DeleteOptions{}))
		s.always("the reservation is kept while its pod is there", 30*time.Second, s.holds("host-0", pod))
		s.expect(s.startBind(other, "host-0").wait() != nil, "the node takes no other pod")
		s.remove(pod)
		s.eventually("it is released after the pod", s.lacks("host-0", pod))
	})
}
