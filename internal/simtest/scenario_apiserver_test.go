package simtest

import (
	"context"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/config"
)

// incomplete is a kube-apiserver whose lists lack a pod.
type incomplete struct {
	*gate
	hidden string
}

func (i incomplete) CoreV1() corev1client.CoreV1Interface {
	return incompleteCore{i.gate.CoreV1(), i.hidden}
}

type incompleteCore struct {
	corev1client.CoreV1Interface
	hidden string
}

func (c incompleteCore) Pods(namespace string) corev1client.PodInterface {
	return incompletePods{c.CoreV1Interface.Pods(namespace), c.hidden}
}

type incompletePods struct {
	corev1client.PodInterface
	hidden string
}

func (p incompletePods) List(ctx context.Context, opts metav1.ListOptions) (*corev1.PodList, error) {
	list, err := p.PodInterface.List(ctx, opts)
	if err != nil {
		return nil, err
	}
	list.Items = slices.DeleteFunc(list.Items, func(pod corev1.Pod) bool { return pod.Name == p.hidden })
	return list, nil
}

func TestScenario31APIServerDown(t *testing.T) {
	patient := func(cfg *config.Config) {
		cfg.Kubernetes.Lease.LeaseDuration, cfg.Kubernetes.Lease.RenewDeadline = seconds(60), seconds(50)
	}
	play(t, scene{configure: patient}, func(s *stage) {
		running, ended := boundPod(s, "running"), boundPod(s, "ended")
		waiting := s.pod("waiting", "1")
		s.fits(waiting, "host-0")
		s.api.outage("A1", 20*time.Second)
		s.remove(ended)
		posted := s.posted()
		b := s.startBind(waiting, "host-0")
		s.always("nothing is bound, and nothing released", 19*time.Second, func() bool {
			return s.posted() == posted && s.holds("host-0", running)() && s.holds("host-0", ended)()
		})
		s.expect(b.wait() != nil, "the bind fails")
		s.eventually("the orphan is released once the kube-apiserver is back", s.lacks("host-0", ended))
		s.retry(waiting, "host-0")
		_, holds := s.held("host-0", running)
		s.expect(holds, "the pod that runs has its reservation")
	})
}

func TestScenario31StaleInformer(t *testing.T) {
	play(t, scene{}, func(s *stage) {
		s.api.makeStale("A1", time.Minute)
		pod := boundPod(s, "a") // the informer does not hear of it
		s.always("what the informer does not know is asked for", soon, s.holds("host-0", pod))
		s.api.inject(apiFault{kind: apiRefuse, call: "get pods", left: 10000})
		s.always("if it cannot be asked for, nothing is released", soon, s.holds("host-0", pod))
		s.expect(s.told("nothing is released"), "the log says so")
	})
}

func TestScenario32PodsListedLate(t *testing.T) {
	play(t, scene{}, func(s *stage) {
		pod := boundPod(s, "a")
		s.crash()
		s.api.inject(apiFault{kind: apiLate, call: "list pods", left: 1, delay: 10 * time.Second})
		s.start("A2")
		s.always("it is not ready before its informers are", 9*time.Second, func() bool {
			return !s.p.ready() && s.holds("host-0", pod)()
		})
		s.eventually("it is ready then", s.p.ready)
		s.always("the reservation was never in danger", soon, s.holds("host-0", pod))
	})
}

func TestScenario32PodListIncompleteAtStart(t *testing.T) {
	play(t, scene{}, func(s *stage) {
		pod, ended := boundPod(s, "a"), boundPod(s, "ended")
		s.crash()
		s.remove(ended)
		s.hidden = pod.Name
		s.restart("A2")
		s.always("a pod that the list lacks keeps its reservation", time.Minute, s.holds("host-0", pod))
		s.expect(s.lacks("host-0", ended)(), "the one of a pod that is gone is released")
	})
}

func TestScenario32OrphansWaitForTheGrace(t *testing.T) {
	slow := func(cfg *config.Config) { cfg.Release.OrphanGrace = seconds(12) }
	play(t, scene{configure: slow}, func(s *stage) {
		pod := boundPod(s, "a")
		s.crash()
		s.remove(pod)
		s.restart("A2")
		s.always("the orphan is left alone for the grace", 10*time.Second, s.holds("host-0", pod))
		s.eventually("and released after it", s.lacks("host-0", pod))
	})
}
