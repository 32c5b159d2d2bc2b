package mesossim

import (
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/gogo/protobuf/proto"
)

// jsonField is what the protobuf tag of a generated struct field says.
type jsonField struct {
	index    int
	name     string
	required bool
	repeated bool
	enum     string // registered name of the enum type, "" for others
	fallback string // explicit default of an absent field, "" for none
	always   bool   // an empty list is written as []
}

// alwaysListed are the lists that the master writes even when they are empty,
// because its operator API writes them by hand.
var alwaysListed = map[string][]string{
	"Response_GetAgents":     {"agents", "recovered_agents"},
	"Response_GetFrameworks": {"frameworks", "completed_frameworks"},
	"Response_GetTasks":      {"tasks", "unreachable_tasks", "completed_tasks"},
}

// schemas caches the fields of each struct type: reflect.Type → []jsonField.
var schemas sync.Map

func schemaOf(t reflect.Type) []jsonField {
	if cached, ok := schemas.Load(t); ok {
		return cached.([]jsonField)
	}
	var fields []jsonField
	for i := range t.NumField() {
		tag := t.Field(i).Tag.Get("protobuf")
		if tag == "" {
			continue
		}
		field := parseTag(tag)
		field.index = i
		field.always = slices.Contains(alwaysListed[t.Name()], field.name)
		fields = append(fields, field)
	}
	schemas.Store(t, fields)
	return fields
}

func parseTag(tag string) jsonField {
	var field jsonField
	for part := range strings.SplitSeq(tag, ",") {
		switch {
		case part == "req":
			field.required = true
		case part == "rep":
			field.repeated = true
		case strings.HasPrefix(part, "name="):
			field.name = part[len("name="):]
		case strings.HasPrefix(part, "enum="):
			field.enum = part[len("enum="):]
		case strings.HasPrefix(part, "def="):
			field.fallback = part[len("def="):]
		}
	}
	if field.name == "role" {
		field.fallback = "" // deprecated fields are not filled in
	}
	return field
}

// newerNames are enum values that the generated protos do not know, by enum.
var newerNames = map[string]map[int64]string{
	"mesos.MasterInfo_Capability_Type": {3: "QUOTA_V2"},
}

// enumName returns the name of an enum value, "" if the value has none.
func enumName(enum string, value int64) string {
	for name, number := range proto.EnumValueMap(enum) {
		if int64(number) == value {
			return name
		}
	}
	return newerNames[enum][value]
}
