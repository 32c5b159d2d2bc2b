package mesossim

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"

	"github.com/gogo/protobuf/proto"
)

// parseJSON reads a body the way the master does; the error is the text that
// the master answers.
func parseJSON(body []byte) (any, error) {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	var tree any
	if err := decoder.Decode(&tree); err != nil {
		return nil, fmt.Errorf("syntax error at line %d near: %s", errorLine(body, err), errorRest(body, err))
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, textf("Parsed JSON included non-whitespace trailing characters")
	}
	return tree, nil
}

func errorLine(body []byte, err error) int {
	return 1 + bytes.Count(body[:errorOffset(body, err)], []byte("\n"))
}

func errorRest(body []byte, err error) string {
	rest, _, _ := bytes.Cut(body[errorOffset(body, err):], []byte("\n"))
	return string(rest)
}

func errorOffset(body []byte, err error) int {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) && syntax.Offset > 0 && int(syntax.Offset) <= len(body) && !errors.Is(err, io.ErrUnexpectedEOF) {
		if strings.Contains(syntax.Error(), "unexpected end") {
			return len(body)
		}
		return int(syntax.Offset) - 1
	}
	return len(body)
}

// decodeJSON fills a generated message from a parsed tree. Unknown fields are
// ignored, as is an unknown value of an optional enum.
func decodeJSON(tree any, message any) error {
	object, ok := tree.(map[string]any)
	if !ok {
		return textf("Expecting a JSON object")
	}
	var missing []string
	if err := readMessage(object, reflect.ValueOf(message).Elem(), "", &missing); err != nil {
		return err
	}
	if len(missing) > 0 {
		return textf("Missing required fields: %s", strings.Join(missing, ", "))
	}
	return nil
}

func readMessage(object map[string]any, v reflect.Value, path string, missing *[]string) error {
	fields := schemaOf(v.Type())
	for _, field := range fields {
		if value, ok := object[field.name]; field.required && (!ok || value == nil) {
			*missing = append(*missing, path+field.name)
		}
	}
	for _, field := range fields {
		value, ok := object[field.name]
		if !ok || value == nil {
			continue
		}
		if err := readField(value, v.Field(field.index), field, path, missing); err != nil {
			return err
		}
	}
	return nil
}

func readField(tree any, v reflect.Value, field jsonField, path string, missing *[]string) error {
	if v.Kind() == reflect.Map {
		return readMap(tree, v, field, path, missing)
	}
	if list, ok := tree.([]any); ok {
		if !field.repeated {
			return textf("Not expecting a JSON array for field '%s'", field.name)
		}
		for _, item := range list {
			if err := appendValue(item, v, field, path, missing); err != nil {
				return err
			}
		}
		return nil
	}
	if field.repeated {
		return appendValue(tree, v, field, path, missing)
	}
	return readValue(tree, v, field, path+field.name+".", missing)
}

func appendValue(tree any, v reflect.Value, field jsonField, path string, missing *[]string) error {
	element := reflect.New(v.Type().Elem()).Elem()
	indexed := fmt.Sprintf("%s%s[%d].", path, field.name, v.Len())
	if err := readValue(tree, element, field, indexed, missing); err != nil {
		return err
	}
	v.Set(reflect.Append(v, element))
	return nil
}

func readMap(tree any, v reflect.Value, field jsonField, path string, missing *[]string) error {
	object, ok := tree.(map[string]any)
	if !ok {
		return textf("Not expecting a JSON %s for field '%s'", treeKind(tree), field.name)
	}
	v.Set(reflect.MakeMap(v.Type()))
	for key, item := range object {
		element := reflect.New(v.Type().Elem()).Elem()
		if err := readValue(item, element, jsonField{name: "value"}, path+field.name+".value.", missing); err != nil {
			return err
		}
		v.SetMapIndex(reflect.ValueOf(key), element)
	}
	return nil
}

func treeKind(tree any) string {
	switch tree.(type) {
	case map[string]any:
		return "object"
	case []any:
		return "array"
	case string:
		return "string"
	case bool:
		return "boolean"
	}
	return "number"
}

func readValue(tree any, v reflect.Value, field jsonField, path string, missing *[]string) error {
	if v.Kind() == reflect.Pointer {
		target := reflect.New(v.Type().Elem())
		if field.enum != "" && !knownEnum(tree, field.enum) {
			return nil
		}
		if err := readValue(tree, target.Elem(), field, path, missing); err != nil {
			return err
		}
		v.Set(target)
		return nil
	}
	unexpected := textf("Not expecting a JSON %s for field '%s'", treeKind(tree), field.name)
	switch value := tree.(type) {
	case map[string]any:
		if v.Kind() != reflect.Struct {
			return unexpected
		}
		return readMessage(value, v, path, missing)
	case string:
		return readString(value, v, field, unexpected)
	case bool:
		if v.Kind() != reflect.Bool {
			return unexpected
		}
		v.SetBool(value)
		return nil
	case json.Number:
		return readNumber(value, v, field, unexpected)
	}
	return unexpected
}

func knownEnum(tree any, enum string) bool {
	name, ok := tree.(string)
	if !ok {
		return true
	}
	_, known := proto.EnumValueMap(enum)[name]
	return known
}

func readString(value string, v reflect.Value, field jsonField, unexpected error) error {
	if field.enum != "" {
		number, known := proto.EnumValueMap(field.enum)[value]
		if !known && field.required {
			return textf("Failed to find enum for '%s'", value)
		}
		if known {
			v.SetInt(int64(number))
		}
		return nil
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(value)
		return nil
	case reflect.Slice:
		data, err := base64.StdEncoding.DecodeString(value)
		if err != nil {
			return textf("Failed to base64 decode bytes field '%s': %v", field.name, err)
		}
		v.SetBytes(data)
		return nil
	case reflect.Struct:
		return unexpected
	}
	var number json.Number
	if err := json.Unmarshal([]byte(value), &number); err != nil {
		return textf("Failed to parse '%s' as a JSON number for field '%s'", value, field.name)
	}
	return readNumber(number, v, field, unexpected)
}

func readNumber(value json.Number, v reflect.Value, field jsonField, unexpected error) error {
	float, err := strconv.ParseFloat(value.String(), 64)
	if err != nil || field.enum != "" {
		return unexpected
	}
	switch v.Kind() {
	case reflect.Float32, reflect.Float64:
		v.SetFloat(float)
	case reflect.Int32, reflect.Int64:
		if exact, err := value.Int64(); err == nil {
			v.SetInt(exact)
		} else {
			v.SetInt(int64(float))
		}
	case reflect.Uint32, reflect.Uint64:
		if exact, err := strconv.ParseUint(value.String(), 10, 64); err == nil {
			v.SetUint(exact)
		} else {
			v.SetUint(uint64(float))
		}
	default:
		return unexpected
	}
	return nil
}
