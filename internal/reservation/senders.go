package reservation

import "sync"

// senders put loads on the wire side by side. They stay once started: what a
// call needs of stack grows once, not with each ACCEPT. Only one goroutine may
// use it.
type senders struct {
	send    func(load)
	loads   chan load
	started int
	running sync.WaitGroup
}

// put hands a load to a sender. It waits while all acceptWorkers are busy.
func (s *senders) put(l load) {
	select {
	case s.loads <- l:
		return
	default:
	}
	if s.started == acceptWorkers {
		s.loads <- l
		return
	}
	s.started++
	s.running.Go(func() {
		s.send(l)
		for next := range s.loads {
			s.send(next)
		}
	})
}

// end waits for what was put.
func (s *senders) end() {
	close(s.loads)
	s.running.Wait()
}
