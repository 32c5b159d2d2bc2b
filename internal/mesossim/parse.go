package mesossim

import (
	"fmt"
	"strconv"
	"strings"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

// parseResources reads a --resources string such as
// cpus:8;mem(prod):1024;ports:[1-2,5-6].
func parseResources(s string) (resources, error) {
	var out resources
	for token := range strings.SplitSeq(s, ";") {
		if token = strings.TrimSpace(token); token == "" {
			continue
		}
		name, text, found := strings.Cut(token, ":")
		if !found {
			return nil, fmt.Errorf("resource %q: want name:value", token)
		}
		r, err := parseResource(strings.TrimSpace(name), strings.TrimSpace(text))
		if err != nil {
			return nil, err
		}
		out.add(&r)
	}
	return out, nil
}

func parseResource(name, text string) (resource, error) {
	r := resource{name: name}
	if bare, role, found := strings.Cut(name, "("); found {
		r.name = bare
		role = strings.TrimSuffix(role, ")")
		kind := mesos.Resource_ReservationInfo_STATIC
		if role != "*" {
			r.reserved = newReservations([]mesos.Resource_ReservationInfo{{Type: &kind, Role: &role}})
		}
	}
	var err error
	switch {
	case strings.HasPrefix(text, "["):
		r.kind = mesos.RANGES
		r.parts = &parts{}
		r.parts.spans, err = parseSpans(text)
	case strings.HasPrefix(text, "{"):
		r.kind = mesos.SET
		r.parts = &parts{}
		for item := range strings.SplitSeq(strings.Trim(text, "{}"), ",") {
			r.parts.items = append(r.parts.items, strings.TrimSpace(item))
		}
	default:
		r.kind = mesos.SCALAR
		r.scalar, err = strconv.ParseFloat(text, 64)
	}
	if err != nil {
		return r, fmt.Errorf("resource %s: %w", name, err)
	}
	return r, nil
}

func parseSpans(text string) ([]span, error) {
	var out []span
	for part := range strings.SplitSeq(strings.Trim(text, "[]"), ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		from, to, _ := strings.Cut(part, "-")
		begin, err := strconv.ParseUint(strings.TrimSpace(from), 10, 64)
		if err != nil {
			return nil, fmt.Errorf("range %q: %w", part, err)
		}
		end, err := strconv.ParseUint(strings.TrimSpace(to), 10, 64)
		if err != nil {
			return nil, fmt.Errorf("range %q: %w", part, err)
		}
		out = append(out, span{begin, end})
	}
	return coalesce(out), nil
}

// agentResources is parseResources with the ports that an agent adds when none
// are given.
func agentResources(s string) (resources, error) {
	if s == "" {
		s = defaultResources
	}
	out, err := parseResources(s)
	if err != nil {
		return nil, err
	}
	for i := range out {
		if out[i].name == "ports" {
			return out, nil
		}
	}
	return append(out, resource{name: "ports", kind: mesos.RANGES, parts: &parts{spans: []span{{31000, 32000}}}}), nil
}

// parseAttributes reads an --attributes string. A real agent aborts on a set.
func parseAttributes(s string) ([]mesos.Attribute, error) {
	var out []mesos.Attribute
	for token := range strings.SplitSeq(s, ";") {
		if token = strings.TrimSpace(token); token == "" {
			continue
		}
		name, text, found := strings.Cut(token, ":")
		if !found {
			return nil, fmt.Errorf("attribute %q: want name:value", token)
		}
		attribute, err := parseAttribute(strings.TrimSpace(name), strings.TrimSpace(text))
		if err != nil {
			return nil, err
		}
		out = append(out, attribute)
	}
	return out, nil
}

func parseAttribute(name, text string) (mesos.Attribute, error) {
	attribute := mesos.Attribute{Name: name, Type: mesos.TEXT, Text: &mesos.Value_Text{Value: text}}
	switch {
	case strings.HasPrefix(text, "{"):
		return attribute, fmt.Errorf("bad type for attribute '%s:%s' found", name, text)
	case strings.HasPrefix(text, "["):
		spans, err := parseSpans(text)
		if err != nil {
			return attribute, fmt.Errorf("attribute %s: %w", name, err)
		}
		r := resource{kind: mesos.RANGES, parts: &parts{spans: spans}}
		return mesos.Attribute{Name: name, Type: mesos.RANGES, Ranges: r.toProto().Ranges}, nil
	case isUnsignedNumber(text):
		value, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return attribute, fmt.Errorf("attribute %s: %w", name, err)
		}
		return mesos.Attribute{Name: name, Type: mesos.SCALAR, Scalar: &mesos.Value_Scalar{Value: value}}, nil
	}
	return attribute, nil
}

// isUnsignedNumber is the master's idea of a scalar: digits and a dot, so that
// -3 is text.
func isUnsignedNumber(text string) bool {
	return text != "" && strings.Trim(text, "0123456789.") == "" && strings.Trim(text, ".") != ""
}
