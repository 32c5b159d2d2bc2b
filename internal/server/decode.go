package server

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// decodeStrict reads one JSON object. Unknown fields are errors: the envelope
// is the extender API's own and has not changed in years, so that an unknown
// field means a caller that expects something we do not do. Pods, nodes and
// victims inside it stay raw and are read with decodeLenient.
func decodeStrict(body []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		if errors.Is(err, io.EOF) {
			return malformed("the body is empty")
		}
		if text, ok := wrongType(err, ""); ok {
			return malformed("%s", text)
		}
		return malformed("the body is not what this verb expects: %v", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return malformed("the body goes on after its JSON object")
	}
	return nil
}

// decodeLenient reads what is inside the envelope. Unknown fields are passed
// over: a newer kube-scheduler sends pods and nodes with fields that this
// build's API types do not have yet.
func decodeLenient(raw json.RawMessage, into any, field string) error {
	if err := json.Unmarshal(raw, into); err != nil {
		if text, ok := wrongType(err, field); ok {
			return malformed("%s", text)
		}
		return malformed("%s: %v", field, err)
	}
	return nil
}

// wrongType words a JSON value of the wrong type without the names of Go types.
// The field's path begins below parent, or is the whole body's if that is empty.
func wrongType(err error, parent string) (text string, ok bool) {
	var wrong *json.UnmarshalTypeError
	if !errors.As(err, &wrong) {
		return "", false
	}
	path := strings.Trim(parent+"."+wrong.Field, ".")
	if path == "" {
		path = "the body"
	}
	return fmt.Sprintf("%s: must be %s, not %s", path, inJSON(wrong.Type.Kind()), wrong.Value), true
}

// inJSON is what JSON calls the kind.
func inJSON(kind reflect.Kind) string {
	switch kind {
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Slice, reflect.Array:
		return "an array"
	case reflect.Struct, reflect.Map:
		return "an object"
	default:
		return "a number in range"
	}
}

// absent reports whether a field was left out or null.
func absent(raw json.RawMessage) bool {
	return len(raw) == 0 || bytes.Equal(raw, []byte("null"))
}

// decodePod reads the field Pod.
func decodePod(raw json.RawMessage) (*corev1.Pod, error) {
	if absent(raw) {
		return nil, malformed("Pod: required")
	}
	var pod corev1.Pod
	if err := decodeLenient(raw, &pod, "Pod"); err != nil {
		return nil, err
	}
	switch {
	case pod.Name == "":
		return nil, malformed("Pod.metadata.name: required")
	case pod.UID == "":
		return nil, malformed("Pod.metadata.uid: required")
	}
	return &pod, nil
}
