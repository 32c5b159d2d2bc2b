package mesossim

import (
	"encoding/base64"
	"encoding/json"
	"fmt"

	"github.com/mesos/mesos-go/api/v1/lib/scheduler"
)

// protobufBody is a recorded protobuf call with the ids of this run.
func (s *session) protobufBody(recorded string) ([]byte, error) {
	raw, err := base64.StdEncoding.DecodeString(recorded)
	if err != nil {
		return nil, err
	}
	var call scheduler.Call
	if err := call.Unmarshal(raw); err != nil {
		return nil, fmt.Errorf("recorded call: %w", err)
	}
	encoded, err := json.Marshal(&call)
	if err != nil {
		return nil, err
	}
	var ours scheduler.Call
	if err := json.Unmarshal(s.ids.translateBody(encoded), &ours); err != nil {
		return nil, fmt.Errorf("call with ids replaced: %w", err)
	}
	return ours.Marshal()
}
