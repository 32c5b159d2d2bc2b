package mesossim

import (
	"net/http"
	"slices"

	"github.com/google/uuid"
	"github.com/mesos/mesos-go/api/v1/lib/allocator"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler"
)

// schedulerCall handles a request to /api/v1/scheduler.
func (s *Sim) schedulerCall(r *http.Request) answer {
	principal, refused := s.gate(r, "mesos-master-scheduler", s.flags.authenticateFrameworks)
	if refused != nil {
		return *refused
	}
	var call scheduler.Call
	typed, err := decodeCall(r, &call)
	if err != nil {
		return *err
	}
	if a := s.faultBefore(call.Type.String(), call.FrameworkID.GetValue()); a != nil {
		return *a
	}
	a := s.dispatchScheduler(r, &call, typed, principal)
	if after := s.faultAfter(call.Type.String(), call.FrameworkID.GetValue()); after != nil {
		if a.stream != nil {
			s.streamLost(a.stream)
		}
		return *after
	}
	return a
}

func (s *Sim) dispatchScheduler(r *http.Request, call *scheduler.Call, typed bool, principal *string) answer {
	if err := validateCall(call, typed, principal); err != nil {
		return textAnswer(http.StatusBadRequest, "Failed to validate scheduler::Call: %s", err)
	}
	media, ok := acceptedMedia(r)
	if !ok && (call.Type == scheduler.Call_SUBSCRIBE || call.Type == scheduler.Call_RECONCILE_OPERATIONS) {
		return textAnswer(http.StatusNotAcceptable, "Expecting 'Accept' to allow '%s' or '%s'", mediaProtobuf, mediaJSON)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.master
	if m == nil || m.stopped {
		return answer{abort: true}
	}
	m.counters.Calls[call.Type.String()]++
	if call.Type == scheduler.Call_SUBSCRIBE {
		return m.openStream(r, call, media, principal)
	}
	a := m.frameworkCall(r, call, principal)
	if m.stopped {
		return answer{abort: true}
	}
	return a
}

func (m *master) openStream(r *http.Request, call *scheduler.Call, media string, principal *string) answer {
	if r.Header.Get(streamIDHeader) != "" {
		return textAnswer(http.StatusBadRequest, "Subscribe calls should not include the '%s' header", streamIDHeader)
	}
	if principal != nil && call.Subscribe.FrameworkInfo.Principal == nil {
		call.Subscribe.FrameworkInfo.Principal = principal
	}
	st := newStream(media)
	m.subscribe(call.Subscribe, st)
	return answer{status: http.StatusOK, media: media, stream: st}
}

// frameworkCall handles any call but SUBSCRIBE.
func (m *master) frameworkCall(r *http.Request, call *scheduler.Call, principal *string) answer {
	fw := m.frameworks[call.FrameworkID.Value]
	if fw == nil {
		return textAnswer(http.StatusBadRequest, "Framework cannot be found")
	}
	if call.Type == scheduler.Call_UNKNOWN {
		m.check("Check failed: call_types.contains(callType)")
		return answer{abort: true}
	}
	if principal != nil && *principal != fw.info.GetPrincipal() {
		return textAnswer(http.StatusBadRequest, "Authenticated principal '%s' does not match principal '%s' set in `FrameworkInfo`", *principal, fw.info.GetPrincipal())
	}
	if !fw.connected() {
		return textAnswer(http.StatusForbidden, "Framework is not subscribed")
	}
	id := r.Header.Get(streamIDHeader)
	if id == "" && r.Header.Values(streamIDHeader) == nil {
		return textAnswer(http.StatusBadRequest, "All non-subscribe calls should include the '%s' header", streamIDHeader)
	}
	if id != fw.stream.id {
		return textAnswer(http.StatusBadRequest, "The stream ID '%s' included in this request didn't match the stream ID currently associated with framework ID %s", id, fw.id)
	}
	return m.perform(fw, call)
}

// perform carries a valid call out.
func (m *master) perform(fw *framework, call *scheduler.Call) answer {
	switch call.Type {
	case scheduler.Call_TEARDOWN:
		m.removeFramework(fw)
	case scheduler.Call_ACCEPT:
		m.accept(fw, call.Accept)
	case scheduler.Call_DECLINE:
		m.decline(fw, call.Decline)
	case scheduler.Call_ACCEPT_INVERSE_OFFERS:
		m.answerInverse(fw, call.AcceptInverseOffers.InverseOfferIDs, call.AcceptInverseOffers.Filters, allocator.InverseOfferStatus_ACCEPT)
	case scheduler.Call_DECLINE_INVERSE_OFFERS:
		m.answerInverse(fw, call.DeclineInverseOffers.InverseOfferIDs, call.DeclineInverseOffers.Filters, allocator.InverseOfferStatus_DECLINE)
	case scheduler.Call_REVIVE:
		m.revive(fw, call.Revive.GetRoles())
	case scheduler.Call_SUPPRESS:
		m.suppress(fw, call.Suppress.GetRoles())
	case scheduler.Call_KILL:
		m.kill(fw, call.Kill)
	case scheduler.Call_ACKNOWLEDGE:
		m.acknowledgeTask(fw, call.Acknowledge)
	case scheduler.Call_ACKNOWLEDGE_OPERATION_STATUS:
		m.acknowledgeOperation(fw, call.AcknowledgeOperationStatus)
	case scheduler.Call_RECONCILE:
		m.reconcileTasks(fw, call.Reconcile.Tasks)
	case scheduler.Call_RECONCILE_OPERATIONS:
		m.reconcileOperations(fw, call.ReconcileOperations)
	case scheduler.Call_UPDATE_FRAMEWORK:
		return m.updateFrameworkCall(fw, call.UpdateFramework)
	}
	return accepted()
}

func (m *master) updateFrameworkCall(fw *framework, call *scheduler.Call_UpdateFramework) answer {
	info := call.FrameworkInfo
	if err := validateFrameworkInfo(&info); err != nil {
		return textAnswer(http.StatusBadRequest, "Supplied FrameworkInfo is not valid: %s", err)
	}
	if err := validateFrameworkUpdate(&fw.info, &info); err != nil {
		return textAnswer(http.StatusBadRequest, "FrameworkInfo update is not valid: %s", err)
	}
	if err := validateSuppressed(rolesOf(&info), call.SuppressedRoles); err != nil {
		return textAnswer(http.StatusBadRequest, "'UpdateFramework' call is not valid: %s", err)
	}
	m.updateFramework(fw, info, call.SuppressedRoles)
	return answer{status: http.StatusOK}
}

// needs says which part a call of a type must have.
var needs = map[scheduler.Call_Type]struct {
	name string
	has  func(*scheduler.Call) bool
}{
	scheduler.Call_ACCEPT:                       {"accept", func(c *scheduler.Call) bool { return c.Accept != nil }},
	scheduler.Call_DECLINE:                      {"decline", func(c *scheduler.Call) bool { return c.Decline != nil }},
	scheduler.Call_ACCEPT_INVERSE_OFFERS:        {"accept_inverse_offers", func(c *scheduler.Call) bool { return c.AcceptInverseOffers != nil }},
	scheduler.Call_DECLINE_INVERSE_OFFERS:       {"decline_inverse_offers", func(c *scheduler.Call) bool { return c.DeclineInverseOffers != nil }},
	scheduler.Call_KILL:                         {"kill", func(c *scheduler.Call) bool { return c.Kill != nil }},
	scheduler.Call_SHUTDOWN:                     {"shutdown", func(c *scheduler.Call) bool { return c.Shutdown != nil }},
	scheduler.Call_ACKNOWLEDGE:                  {"acknowledge", func(c *scheduler.Call) bool { return c.Acknowledge != nil }},
	scheduler.Call_ACKNOWLEDGE_OPERATION_STATUS: {"acknowledge_operation_status", func(c *scheduler.Call) bool { return c.AcknowledgeOperationStatus != nil }},
	scheduler.Call_RECONCILE:                    {"reconcile", func(c *scheduler.Call) bool { return c.Reconcile != nil }},
	scheduler.Call_RECONCILE_OPERATIONS:         {"reconcile_operations", func(c *scheduler.Call) bool { return c.ReconcileOperations != nil }},
	scheduler.Call_MESSAGE:                      {"message", func(c *scheduler.Call) bool { return c.Message != nil }},
	scheduler.Call_REQUEST:                      {"request", func(c *scheduler.Call) bool { return c.Request != nil }},
	scheduler.Call_UPDATE_FRAMEWORK:             {"update_framework", func(c *scheduler.Call) bool { return c.UpdateFramework != nil }},
}

// validateCall follows validation::scheduler::call::validate.
func validateCall(call *scheduler.Call, typed bool, principal *string) error {
	if !typed {
		return textf("Expecting 'type' to be present")
	}
	if call.Type == scheduler.Call_SUBSCRIBE {
		return validateSubscribe(call, principal)
	}
	if call.FrameworkID == nil {
		return textf("Expecting 'framework_id' to be present")
	}
	if need, ok := needs[call.Type]; ok && !need.has(call) {
		return textf("Expecting '%s' to be present", need.name)
	}
	switch call.Type {
	case scheduler.Call_ACKNOWLEDGE:
		return validateUUID(call.Acknowledge.UUID)
	case scheduler.Call_ACKNOWLEDGE_OPERATION_STATUS:
		if err := validateUUID(call.AcknowledgeOperationStatus.UUID); err != nil {
			return err
		}
		if call.AcknowledgeOperationStatus.AgentID == nil {
			return textf("Expecting 'agent_id' to be present")
		}
	case scheduler.Call_UPDATE_FRAMEWORK:
		if call.FrameworkID.Value != call.UpdateFramework.FrameworkInfo.ID.GetValue() {
			return textf("'framework_id' differs from 'update_framework.framework_info.id'")
		}
	}
	return nil
}

func validateSubscribe(call *scheduler.Call, principal *string) error {
	if call.Subscribe == nil || call.Subscribe.FrameworkInfo == nil {
		return textf("Expecting 'subscribe' to be present")
	}
	info := call.Subscribe.FrameworkInfo
	if info.ID.GetValue() != call.FrameworkID.GetValue() {
		return textf("'framework_id' differs from 'subscribe.framework_info.id'")
	}
	if principal != nil && info.Principal != nil && *principal != *info.Principal {
		return textf("Authenticated principal '%s' does not match principal '%s' set in `FrameworkInfo`", *principal, *info.Principal)
	}
	return nil
}

func validateUUID(value []byte) error {
	if _, err := uuid.FromBytes(value); err != nil || slices.Equal(value, make([]byte, 16)) {
		return textf("Not a valid UUID")
	}
	return nil
}
