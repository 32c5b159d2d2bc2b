package mesossim

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/mesos/mesos-go/api/v1/lib/scheduler"
)

// Fault is something that goes wrong on purpose. Its scope is narrowed by Call
// and Framework; an empty one matches all.
type Fault struct {
	// Kind is one of the Fault* constants.
	Kind string `json:"kind"`
	// Call is a call type such as ACCEPT; for lost and late events an event type,
	// for refused operations the type of the operation.
	Call string `json:"call,omitempty"`
	// Framework is a framework's name or ID.
	Framework string `json:"framework,omitempty"`
	// Count is how often the fault happens; 0 means once, negative for ever.
	Count int `json:"count,omitempty"`
	// Delay holds calls or events up, in nanoseconds in JSON.
	Delay time.Duration `json:"delay,omitempty"`
	// Status and Body are the answer in place of the master's (FaultError). Body
	// alone is the message of a refused operation.
	Status int    `json:"status,omitempty"`
	Body   string `json:"body,omitempty"`
}

// Kinds of faults.
const (
	FaultDelay           = "delay"            // the call takes longer
	FaultDropRequest     = "drop-request"     // the connection breaks before the call is carried out
	FaultDropResponse    = "drop-response"    // the call is carried out, then the connection breaks
	FaultError           = "error"            // the call is refused with Status and Body
	FaultDisconnect      = "disconnect"       // the framework's stream breaks, now
	FaultLoseEvent       = "lose-event"       // an event is not sent
	FaultLoseStatus      = "lose-status"      // an agent's operation status is lost once; it is sent again later
	FaultDuplicateStatus = "duplicate-status" // an operation status event is sent twice
	FaultDelayEvent      = "delay-event"      // an event is sent late: those behind it overtake it
	FaultRefuseOperation = "refuse-operation" // an operation of type Call is refused with Body, as an ACL does
)

var errUnknownFault = errors.New("unknown kind of fault")

type activeFault struct {
	Fault
	left int // negative: for ever
}

// Inject makes a fault happen, at once or when its scope is met.
func (s *Sim) Inject(fault Fault) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch fault.Kind {
	case FaultDisconnect:
		s.disconnect(fault.Framework)
		return nil
	case FaultDelay, FaultDropRequest, FaultDropResponse, FaultError,
		FaultLoseEvent, FaultLoseStatus, FaultDuplicateStatus, FaultDelayEvent, FaultRefuseOperation:
	default:
		return fmt.Errorf("inject %q: %w", fault.Kind, errUnknownFault)
	}
	left := fault.Count
	if left == 0 {
		left = 1
	}
	s.faults = append(s.faults, &activeFault{fault, left})
	return nil
}

// ClearFaults ends all faults that are still to come.
func (s *Sim) ClearFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// Disconnect breaks the streams of the frameworks with a name or ID; "" means
// all.
func (s *Sim) Disconnect(framework string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.disconnect(framework)
}

func (s *Sim) disconnect(framework string) {
	if s.master == nil || s.master.stopped {
		return
	}
	for _, fw := range s.master.frameworksInOrder() {
		if fw.stream != nil && fw.isCalled(framework) {
			fw.stream.abort()
		}
	}
}

func (fw *framework) isCalled(name string) bool {
	return name == "" || fw.id == name || fw.info.Name == name
}

// takeFault uses up the first fault of a kind whose scope is met.
func (s *Sim) takeFault(kind, call, frameworkID string) *activeFault {
	for i, f := range s.faults {
		if f.Kind != kind || (f.Call != "" && f.Call != call) || !s.inScope(f.Framework, frameworkID) {
			continue
		}
		if f.left > 0 {
			if f.left--; f.left == 0 {
				s.faults = append(s.faults[:i:i], s.faults[i+1:]...)
			}
		}
		return f
	}
	return nil
}

func (s *Sim) inScope(name, frameworkID string) bool {
	if name == "" || name == frameworkID {
		return true
	}
	if s.master == nil {
		return false
	}
	fw := s.master.frameworks[frameworkID]
	return fw != nil && fw.isCalled(name)
}

// faultBefore is what goes wrong before a call is carried out.
func (s *Sim) faultBefore(call, frameworkID string) *answer {
	s.mu.Lock()
	slow := s.takeFault(FaultDelay, call, frameworkID)
	dropped := s.takeFault(FaultDropRequest, call, frameworkID)
	refused := s.takeFault(FaultError, call, frameworkID)
	s.mu.Unlock()
	if slow != nil {
		time.Sleep(slow.Delay)
	}
	switch {
	case dropped != nil:
		return &answer{abort: true}
	case refused != nil:
		status := refused.Status
		if status == 0 {
			status = http.StatusServiceUnavailable
		}
		a := textAnswer(status, "%s", refused.Body)
		return &a
	}
	return nil
}

// faultAfter is what goes wrong once a call is carried out.
func (s *Sim) faultAfter(call, frameworkID string) *answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.takeFault(FaultDropResponse, call, frameworkID) != nil {
		return &answer{abort: true}
	}
	return nil
}

// loseEvent reports whether an event is not to be sent now; a duplicated one is
// sent once more here, a late one comes by itself.
func (s *Sim) loseEvent(fw *framework, event *scheduler.Event) bool {
	if len(s.faults) == 0 {
		return false
	}
	if event.Type == scheduler.Event_UPDATE_OPERATION_STATUS && s.takeFault(FaultDuplicateStatus, "", fw.id) != nil {
		fw.stream.send(event)
	}
	if late := s.takeFault(FaultDelayEvent, event.Type.String(), fw.id); late != nil {
		stream := fw.stream
		s.master.after(late.Delay, func() { stream.send(event) })
		return true
	}
	return s.takeFault(FaultLoseEvent, event.Type.String(), fw.id) != nil
}

// refuseOperation returns why an operation is refused on purpose, nil if not.
func (s *Sim) refuseOperation(kind, frameworkID string) error {
	if f := s.takeFault(FaultRefuseOperation, kind, frameworkID); f != nil {
		return textf("%s", f.Body)
	}
	return nil
}

// loseStatus reports whether an agent's operation status gets lost.
func (s *Sim) loseStatus(ho *hostOperation) bool {
	return len(s.faults) > 0 && s.takeFault(FaultLoseStatus, "", ho.frameworkID) != nil
}
