package reservation

import "github.com/kube-mesos-extender/kube-mesos-extender/internal/crew"

// senders put loads on the wire side by side, acceptWorkers at most.
type senders struct {
	send  func(load)
	crew  *crew.Crew
	slots chan struct{}
}

func newSenders(send func(load)) *senders {
	return &senders{send: send, crew: crew.New(acceptWorkers), slots: make(chan struct{}, acceptWorkers)}
}

// put hands a load to a sender. It waits while all are busy.
func (s *senders) put(l load) {
	s.slots <- struct{}{}
	s.crew.Go(func() {
		s.send(l)
		<-s.slots
	})
}

// end waits for what was put.
func (s *senders) end() { s.crew.Dismiss() }
