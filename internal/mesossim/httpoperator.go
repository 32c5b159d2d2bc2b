package mesossim

import (
	"net/http"
	"strings"
	"time"

	masterproto "github.com/mesos/mesos-go/api/v1/lib/master"
)

// operatorCall handles a request to /api/v1.
func (s *Sim) operatorCall(r *http.Request) answer {
	required := s.flags.authenticateWrite || s.flags.authenticateRead
	principal, refused := s.gate(r, "mesos-master-readwrite", required)
	if refused != nil {
		return *refused
	}
	var call masterproto.Call
	typed, err := decodeCall(r, &call)
	if err != nil {
		return *err
	}
	if a := s.faultBefore(call.Type.String(), ""); a != nil {
		return *a
	}
	if err := validateOperatorCall(&call, typed); err != nil {
		return textAnswer(http.StatusBadRequest, "Failed to validate master::Call: %s", err)
	}
	media, ok := acceptedMedia(r)
	if !ok {
		return textAnswer(http.StatusNotAcceptable, "Expecting 'Accept' to allow application/json or application/x-protobuf or application/recordio")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.master
	if m == nil || m.stopped {
		return answer{abort: true}
	}
	m.counters.Calls[call.Type.String()]++
	if a, done := m.write(&call, principal); done {
		return a
	}
	response := m.read(&call)
	if response == nil {
		return textAnswer(http.StatusNotImplemented, "%s is not emulated", call.Type)
	}
	if media == mediaJSON {
		return answer{status: http.StatusOK, media: mediaJSON, body: encodeJSON(response)}
	}
	body, marshalErr := response.Marshal()
	if marshalErr != nil {
		return textAnswer(http.StatusInternalServerError, "%s", marshalErr)
	}
	return answer{status: http.StatusOK, media: mediaProtobuf, body: body}
}

// operatorNeeds says which part a call must have.
func operatorNeeds(call *masterproto.Call) (name string, has bool) {
	switch call.Type {
	case masterproto.Call_RESERVE_RESOURCES:
		return "reserve_resources", call.ReserveResources != nil
	case masterproto.Call_UNRESERVE_RESOURCES:
		return "unreserve_resources", call.UnreserveResources != nil
	case masterproto.Call_UPDATE_MAINTENANCE_SCHEDULE:
		return "update_maintenance_schedule", call.UpdateMaintenanceSchedule != nil
	case masterproto.Call_START_MAINTENANCE:
		return "start_maintenance", call.StartMaintenance != nil
	case masterproto.Call_STOP_MAINTENANCE:
		return "stop_maintenance", call.StopMaintenance != nil
	case masterproto.Call_DRAIN_AGENT:
		return "drain_agent", call.DrainAgent != nil
	case masterproto.Call_DEACTIVATE_AGENT:
		return "deactivate_agent", call.DeactivateAgent != nil
	case masterproto.Call_REACTIVATE_AGENT:
		return "reactivate_agent", call.ReactivateAgent != nil
	case masterproto.Call_MARK_AGENT_GONE:
		return "mark_agent_gone", call.MarkAgentGone != nil
	case masterproto.Call_UPDATE_QUOTA:
		return "update_quota", call.UpdateQuota != nil
	case masterproto.Call_TEARDOWN:
		return "teardown", call.Teardown != nil
	}
	return "", true
}

func validateOperatorCall(call *masterproto.Call, typed bool) error {
	if !typed {
		return textf("Expecting 'type' to be present")
	}
	if name, has := operatorNeeds(call); !has {
		return textf("Expecting '%s' to be present", name)
	}
	switch call.Type {
	case masterproto.Call_RESERVE_RESOURCES:
		return validateResources(call.ReserveResources.Resources)
	case masterproto.Call_UNRESERVE_RESOURCES:
		return validateResources(call.UnreserveResources.Resources)
	}
	return nil
}

// endpoint handles the paths outside of the v1 API.
func (s *Sim) endpoint(path string, r *http.Request) answer {
	switch path {
	case "/health":
		return answer{status: http.StatusOK}
	case "/version":
		return jsonAnswer(`{"version":"` + version + `"}`)
	case "/redirect":
		target := s.options.RedirectTo
		if target == "" {
			target = strings.TrimPrefix(s.URL(), "http://")
		}
		return answer{status: http.StatusTemporaryRedirect, headers: map[string]string{"Location": "//" + target}}
	}
	if _, ok := s.authenticate(r, s.flags.authenticateRead || s.flags.authenticateWrite); !ok {
		a := textAnswer(http.StatusUnauthorized, "401 Unauthorized.")
		a.headers = map[string]string{"WWW-Authenticate": `Basic realm="mesos-master-readonly"`}
		return a
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.master
	switch {
	case m == nil || m.stopped:
		return answer{abort: true}
	case time.Now().Before(m.ready):
		return textAnswer(http.StatusServiceUnavailable, "Master has not finished recovery")
	}
	switch path {
	case "/state":
		return jsonAnswer(m.stateSummary())
	case "/slaves":
		return jsonAnswer(`{"slaves":` + m.slavesSummary() + `}`)
	case "/reserve", "/unreserve":
		return m.formOperation(path, r)
	}
	return textAnswer(http.StatusNotFound, "404 Not Found.")
}

func jsonAnswer(body string) answer {
	return answer{status: http.StatusOK, media: mediaJSON, body: []byte(body)}
}
