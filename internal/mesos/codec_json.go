package mesos

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"

	"github.com/mesos/mesos-go/api/v1/lib/encoding"
)

// maxUnknownEnums is how many different unknown values one message may hold.
const maxUnknownEnums = 16

// unknownEnum matches the error of the library's generated JSON decoders.
var unknownEnum = regexp.MustCompile(`unrecognized enum \w+ value "([^"\\]+)"`)

// resettable is what generated messages have.
type resettable interface {
	encoding.Unmarshaler
	Reset()
}

// unmarshalLeniently decodes JSON in which a newer master may use enum values
// that the library's protos lack. Protobuf carries such values through; the
// JSON decoders refuse the whole message (SUBSCRIBED of Mesos 1.12 among them,
// for a capability of the master). Members with such a value are taken out.
func unmarshalLeniently(codec encoding.Codec, data []byte, message resettable) error {
	var err error
	for range maxUnknownEnums {
		if err = unmarshal(codec, data, message); err == nil {
			return nil
		}
		found := unknownEnum.FindStringSubmatch(err.Error())
		if found == nil {
			return err
		}
		pruned, pruneErr := without(data, found[1])
		if pruneErr != nil {
			return err
		}
		data = pruned
		message.Reset()
	}
	return err
}

// without takes the members that Mesos uses for enums out of a JSON text where
// they have the given value.
func without(data []byte, value string) ([]byte, error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber() // nanoseconds do not fit a float64
	var tree any
	if err := decoder.Decode(&tree); err != nil {
		return nil, fmt.Errorf("unknown enum value %s: %w", value, err)
	}
	prune(tree, value)
	return json.Marshal(tree)
}

func prune(node any, value string) {
	switch node := node.(type) {
	case map[string]any:
		for _, member := range []string{"type", "state", "reason", "source"} {
			if node[member] == value {
				delete(node, member)
			}
		}
		for _, child := range node {
			prune(child, value)
		}
	case []any:
		for _, child := range node {
			prune(child, value)
		}
	}
}
