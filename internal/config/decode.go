package config

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	kjson "sigs.k8s.io/json"
)

// decoder reads JSON field by field, so that one wrong field hides no other: a
// JSON decoder stops at the first and may not tell which it was.
type decoder struct {
	problems []error
	bad      []string // paths of fields that could not be read
}

// decode reads data over into, whose fields keep their value where data has
// none.
func decode(data []byte, into *Config) *decoder {
	d := &decoder{}
	d.value(nil, data, reflect.ValueOf(into).Elem())
	return d
}

// judged reports whether the field at path, or one around it, could not be
// read, so that a check of its value says nothing.
func (d *decoder) judged(path string) bool {
	return slices.ContainsFunc(d.bad, func(bad string) bool {
		rest, below := strings.CutPrefix(path, bad)
		return below && (bad == "" || rest == "" || rest[0] == '.' || rest[0] == '[')
	})
}

func (d *decoder) value(path *field.Path, raw json.RawMessage, into reflect.Value) {
	kind := into.Kind()
	_, ownForm := into.Addr().Interface().(json.Unmarshaler)
	switch {
	case string(raw) == "null":
		if kind == reflect.Slice || kind == reflect.Map || kind == reflect.Pointer {
			into.SetZero()
		}
	case kind == reflect.Pointer:
		into.Set(reflect.New(into.Type().Elem()))
		d.value(path, raw, into.Elem())
	case ownForm:
		d.leaf(path, raw, into)
	case kind == reflect.Struct:
		d.fields(path, raw, into)
	case kind == reflect.Map:
		d.entries(path, raw, into)
	case kind == reflect.Slice:
		d.items(path, raw, into)
	default:
		d.leaf(path, raw, into)
	}
}

func (d *decoder) leaf(path *field.Path, raw json.RawMessage, into reflect.Value) {
	if err := kjson.UnmarshalCaseSensitivePreserveInts(raw, into.Addr().Interface()); err != nil {
		d.refuse(path, raw, into)
	}
}

func (d *decoder) fields(path *field.Path, raw json.RawMessage, into reflect.Value) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(raw, &members); err != nil {
		d.refuse(path, raw, into)
		return
	}
	known := map[string]reflect.Value{}
	for i := range into.NumField() {
		name, _, _ := strings.Cut(into.Type().Field(i).Tag.Get("json"), ",")
		known[name] = into.Field(i)
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if member, ok := known[name]; ok {
			d.value(path.Child(name), members[name], member)
			continue
		}
		d.problems = append(d.problems, fmt.Errorf("unknown field %q", path.Child(name)))
	}
}

func (d *decoder) entries(path *field.Path, raw json.RawMessage, into reflect.Value) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(raw, &members); err != nil {
		d.refuse(path, raw, into)
		return
	}
	into.Set(reflect.MakeMap(into.Type()))
	for _, key := range slices.Sorted(maps.Keys(members)) {
		entry := reflect.New(into.Type().Elem()).Elem()
		d.value(path.Key(key), members[key], entry)
		into.SetMapIndex(reflect.ValueOf(key), entry)
	}
}

func (d *decoder) items(path *field.Path, raw json.RawMessage, into reflect.Value) {
	var items []json.RawMessage
	if err := json.Unmarshal(raw, &items); err != nil {
		d.refuse(path, raw, into)
		return
	}
	into.Set(reflect.MakeSlice(into.Type(), len(items), len(items)))
	for i, item := range items {
		d.value(path.Index(i), item, into.Index(i))
	}
}

func (d *decoder) refuse(path *field.Path, raw json.RawMessage, into reflect.Value) {
	// Maps and lists are not shown: they may be long.
	var shown any = field.OmitValueType{}
	if raw[0] != '{' && raw[0] != '[' {
		_ = json.Unmarshal(raw, &shown) // raw was cut out of valid JSON
	}
	text := ""
	if path != nil {
		text = path.String()
	}
	d.bad = append(d.bad, text)
	if path == nil {
		path = field.NewPath("the file")
	}
	d.problems = append(d.problems, field.Invalid(path, shown, "must be "+wanted(into)))
}

// wanted describes a field's form for the one who writes the file.
func wanted(into reflect.Value) string {
	switch into.Interface().(type) {
	case metav1.Duration:
		return "a duration with a unit, such as 500ms or 1m30s"
	case Amount:
		return "a number with at most three decimals and no unit"
	}
	switch into.Kind() {
	case reflect.Struct, reflect.Map:
		return "a map"
	case reflect.Slice:
		return "a list"
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	default:
		return "a whole number"
	}
}
