package mesossim

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
)

// extraFields are fields of a Mesos 1.12 master that the generated protos do
// not know, by type; the values are JSON.
var extraFields = map[string]string{
	"AgentInfo":                        `"checkpoint":true`,
	"Response_GetFrameworks_Framework": `"offer_constraints":{}`,
}

// encodeJSON writes a generated message as a Mesos master does: snake case
// names, enums by name, bytes in base64, 64-bit integers as numbers, doubles
// with a fraction, absent fields left out unless they have a default.
func encodeJSON(message any) []byte {
	var b bytes.Buffer
	writeMessage(&b, reflect.ValueOf(message))
	return b.Bytes()
}

func writeMessage(b *bytes.Buffer, v reflect.Value) {
	v = reflect.Indirect(v)
	b.WriteByte('{')
	first := true
	for _, field := range schemaOf(v.Type()) {
		value := v.Field(field.index)
		if !present(value, field) {
			continue
		}
		if !first {
			b.WriteByte(',')
		}
		first = false
		b.WriteString(`"` + field.name + `":`)
		writeField(b, value, field)
	}
	if extra := extraFields[v.Type().Name()]; extra != "" {
		if !first {
			b.WriteByte(',')
		}
		b.WriteString(extra)
	}
	b.WriteByte('}')
}

func present(value reflect.Value, field jsonField) bool {
	switch value.Kind() {
	case reflect.Pointer:
		return !value.IsNil() || field.fallback != ""
	case reflect.Slice:
		if value.Type().Elem().Kind() == reflect.Uint8 {
			return field.required || !value.IsNil()
		}
		return value.Len() > 0 || field.always
	case reflect.Map:
		return value.Len() > 0
	}
	return true
}

func writeField(b *bytes.Buffer, value reflect.Value, field jsonField) {
	switch {
	case value.Kind() == reflect.Pointer && value.IsNil():
		writeFallback(b, value.Type().Elem().Kind(), field)
	case value.Kind() == reflect.Slice && value.Type().Elem().Kind() != reflect.Uint8:
		b.WriteByte('[')
		for i := range value.Len() {
			if i > 0 {
				b.WriteByte(',')
			}
			writeValue(b, value.Index(i), field)
		}
		b.WriteByte(']')
	case value.Kind() == reflect.Map:
		writeMap(b, value, field)
	default:
		writeValue(b, value, field)
	}
}

func writeMap(b *bytes.Buffer, value reflect.Value, field jsonField) {
	byKey := map[string]reflect.Value{}
	for _, key := range value.MapKeys() {
		byKey[key.String()] = value.MapIndex(key)
	}
	b.WriteByte('{')
	for i, key := range slices.Sorted(maps.Keys(byKey)) {
		if i > 0 {
			b.WriteByte(',')
		}
		writeString(b, key)
		b.WriteByte(':')
		writeValue(b, byKey[key], field)
	}
	b.WriteByte('}')
}

func writeFallback(b *bytes.Buffer, kind reflect.Kind, field jsonField) {
	number, _ := strconv.ParseFloat(field.fallback, 64)
	switch {
	case field.enum != "":
		writeString(b, enumName(field.enum, int64(number)))
	case kind == reflect.Bool:
		b.WriteString(strconv.FormatBool(number != 0))
	case kind == reflect.Float64:
		writeDouble(b, number)
	default:
		b.WriteString(field.fallback)
	}
}

func writeValue(b *bytes.Buffer, value reflect.Value, field jsonField) {
	value = reflect.Indirect(value)
	if field.enum != "" {
		writeString(b, enumName(field.enum, value.Int()))
		return
	}
	switch value.Kind() {
	case reflect.Struct:
		writeMessage(b, value)
	case reflect.String:
		writeString(b, value.String())
	case reflect.Bool:
		b.WriteString(strconv.FormatBool(value.Bool()))
	case reflect.Float32, reflect.Float64:
		writeDouble(b, value.Float())
	case reflect.Uint32, reflect.Uint64:
		b.WriteString(strconv.FormatUint(value.Uint(), 10))
	case reflect.Int32, reflect.Int64:
		b.WriteString(strconv.FormatInt(value.Int(), 10))
	case reflect.Slice:
		writeString(b, base64.StdEncoding.EncodeToString(value.Bytes()))
	}
}

func writeString(b *bytes.Buffer, s string) {
	encoded, err := json.Marshal(s)
	if err != nil {
		encoded = []byte(`""`)
	}
	b.Write(encoded)
}

func writeDouble(b *bytes.Buffer, f float64) {
	if f == math.Trunc(f) && math.Abs(f) < 1e15 {
		b.WriteString(strconv.FormatFloat(f, 'f', 1, 64))
		return
	}
	b.WriteString(strconv.FormatFloat(f, 'g', -1, 64))
}
