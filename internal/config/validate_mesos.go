package config

import (
	"net/url"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

func (m Mesos) validate(path *field.Path) field.ErrorList {
	errs := validateMasters(path.Child("masters"), m.Masters)
	errs = append(errs, m.Framework.validate(path.Child("framework"))...)
	errs = append(errs, validateRoles(path.Child("roles"), m.Roles)...)
	errs = append(errs, oneOf(path.Child("codec"), m.Codec, Protobuf, JSON)...)
	errs = append(errs, positive(path.Child("callTimeout"), m.CallTimeout)...)
	errs = append(errs, positive(path.Child("backoff", "min"), m.Backoff.Min)...)
	if m.Backoff.Max.Duration < m.Backoff.Min.Duration {
		errs = append(errs, field.Invalid(path.Child("backoff", "max"), m.Backoff.Max.Duration.String(),
			"must not be shorter than mesos.backoff.min"))
	}
	if m.MissedHeartbeats < 1 {
		errs = append(errs, field.Invalid(path.Child("missedHeartbeats"), m.MissedHeartbeats, "must be at least 1"))
	}
	return errs
}

func validateMasters(path *field.Path, masters []string) field.ErrorList {
	if len(masters) == 0 {
		return field.ErrorList{field.Required(path, "base URL of at least one master, http://host:5050")}
	}
	var errs field.ErrorList
	seen := map[string]bool{}
	for i, master := range masters {
		if seen[master] {
			errs = append(errs, field.Duplicate(path.Index(i), master))
		}
		seen[master] = true
		if detail := badBaseURL(master); detail != "" {
			errs = append(errs, field.Invalid(path.Index(i), redacted(master), detail))
		}
	}
	return errs
}

// badBaseURL says what is wrong with a master's URL, or "".
func badBaseURL(raw string) string {
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return "must be a URL, http://host:5050"
	case u.Scheme == "zk":
		return "ZooKeeper is not asked for the leader: list the masters' URLs, the leader is followed"
	case u.Scheme != "http" && u.Scheme != "https":
		return "must begin with http:// or https://"
	case u.Hostname() == "":
		return "must name a host"
	case u.User != nil:
		return "must not hold credentials: use mesos.credentialsFile"
	case strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
		return "must end after host and port"
	}
	return ""
}

// redacted keeps a password in a URL out of the error.
func redacted(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return "not shown"
	}
	return u.Redacted()
}

func (f Framework) validate(path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if f.Name == "" {
		errs = append(errs, field.Required(path.Child("name"), ""))
	}
	if f.User == "" {
		errs = append(errs, field.Required(path.Child("user"), ""))
	}
	if f.WebUIURL != "" {
		if u, err := url.Parse(f.WebUIURL); err != nil || u.Host == "" {
			errs = append(errs, field.Invalid(path.Child("webUIURL"), f.WebUIURL, "must be an absolute URL"))
		}
	}
	return append(errs, positive(path.Child("failoverTimeout"), f.FailoverTimeout)...)
}

func validateRoles(path *field.Path, roles []string) field.ErrorList {
	if len(roles) == 0 {
		return field.ErrorList{field.Required(path, "at least one role; the first is the default")}
	}
	var errs field.ErrorList
	seen := map[string]bool{}
	for i, role := range roles {
		if seen[role] {
			errs = append(errs, field.Duplicate(path.Index(i), role))
		}
		seen[role] = true
		if detail := badRole(role); detail != "" {
			errs = append(errs, field.Invalid(path.Index(i), role, detail))
		}
	}
	return errs
}

// badRole says what is wrong with a role, or "". The rules are those of Mesos
// (docs/roles.md, src/common/roles.cpp); "*" cannot be reserved for.
func badRole(role string) string {
	if role == "*" {
		return `nothing can be reserved for the role "*"`
	}
	if strings.ContainsAny(role, " \t\n\v\f\r\b\x7f") {
		return "must not hold white space, backspace or delete"
	}
	for part := range strings.SplitSeq(role, "/") {
		switch {
		case part == "":
			return "must not be empty, begin or end with a slash, or hold two in a row"
		case part == "." || part == ".." || part == "*":
			return `must not have ".", ".." or "*" as a part`
		case strings.HasPrefix(part, "-"):
			return "no part may begin with a dash"
		}
	}
	return ""
}
