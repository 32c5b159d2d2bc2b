package mesossim

import (
	"encoding/binary"
	"net/http"

	"github.com/gogo/protobuf/proto"
	masterproto "github.com/mesos/mesos-go/api/v1/lib/master"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler"
)

// decodeCall reads a scheduler or operator call. typed tells whether the body
// has a type that the master knows: the protos cannot tell that from UNKNOWN.
func decodeCall(r *http.Request, call proto.Unmarshaler) (typed bool, refused *answer) {
	refuse := func(status int, format string, args ...any) *answer {
		a := textAnswer(status, format, args...)
		return &a
	}
	body, err := requestBody(r)
	if err != nil {
		return false, refuse(http.StatusBadRequest, "%s", err)
	}
	media, present := r.Header["Content-Type"]
	if !present || len(media) == 0 {
		return false, refuse(http.StatusBadRequest, "Expecting 'Content-Type' to be present")
	}
	switch media[0] {
	case mediaProtobuf:
		if err := call.Unmarshal(body); err != nil {
			return false, refuse(http.StatusBadRequest, "Failed to parse body into Call protobuf")
		}
		return protobufTyped(body, call), nil
	case mediaJSON:
		tree, err := parseJSON(body)
		if err != nil {
			return false, refuse(http.StatusBadRequest, "Failed to parse body into JSON: %s", err)
		}
		if err := decodeJSON(tree, call); err != nil {
			return false, refuse(http.StatusBadRequest, "Failed to convert JSON into Call protobuf: %s", err)
		}
		object, _ := tree.(map[string]any)
		name, _ := object["type"].(string)
		_, known := callTypes(call)[name]
		return known, nil
	}
	return false, refuse(http.StatusUnsupportedMediaType, "Expecting 'Content-Type' of %s or %s", mediaJSON, mediaProtobuf)
}

func callTypes(call proto.Unmarshaler) map[string]int32 {
	if _, ok := call.(*masterproto.Call); ok {
		return masterproto.Call_Type_value
	}
	return scheduler.Call_Type_value
}

// protobufTyped reports whether the type field is on the wire with a known
// value.
func protobufTyped(body []byte, call proto.Unmarshaler) bool {
	number := uint64(2)
	if _, ok := call.(*masterproto.Call); ok {
		number = 1
	}
	value, found := varintField(body, number)
	if !found {
		return false
	}
	for _, known := range callTypes(call) {
		if uint64(known) == value {
			return true
		}
	}
	return false
}

// varintField returns the last top-level varint field with a number.
func varintField(body []byte, number uint64) (value uint64, found bool) {
	for len(body) > 0 {
		key, n := binary.Uvarint(body)
		if n <= 0 {
			return value, found
		}
		body = body[n:]
		skip := 0
		switch key & 7 {
		case 0:
			v, n := binary.Uvarint(body)
			if n <= 0 {
				return value, found
			}
			if key>>3 == number {
				value, found = v, true
			}
			skip = n
		case 1:
			skip = 8
		case 2:
			size, n := binary.Uvarint(body)
			if n <= 0 || size > uint64(len(body)-n) {
				return value, found
			}
			skip = n + int(size)
		case 5:
			skip = 4
		default:
			return value, found
		}
		if skip > len(body) {
			return value, found
		}
		body = body[skip:]
	}
	return value, found
}
