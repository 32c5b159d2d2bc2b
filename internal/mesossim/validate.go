package mesossim

import (
	"fmt"
	"strings"
)

// masterText is an error whose text the real master would send. Such texts
// begin with a capital letter, unlike the project's own errors.
type masterText string

func (t masterText) Error() string { return string(t) }

// textf formats a text of the master.
func textf(format string, args ...any) error {
	return masterText(fmt.Sprintf(format, args...))
}

// prefixed puts a prefix before an error text of the master; nil stays nil.
func prefixed(prefix string, err error) error {
	if err == nil {
		return nil
	}
	return masterText(prefix + err.Error())
}

// invalidRoleRunes may not occur in a component of a role.
const invalidRoleRunes = "\x08 \t\n\r\x0b\x0c"

// validateRole follows src/common/roles.cpp.
func validateRole(role string) error {
	if role == "*" {
		return nil
	}
	if role == "" {
		return textf("Empty role name is invalid")
	}
	if strings.HasPrefix(role, "/") {
		return textf("Role '%s' cannot start with a slash", role)
	}
	if strings.HasSuffix(role, "/") {
		return textf("Role '%s' cannot end with a slash", role)
	}
	if strings.Contains(role, "//") {
		return textf("Role '%s' cannot contain two adjacent slashes", role)
	}
	for part := range strings.SplitSeq(role, "/") {
		switch {
		case part == ".", part == "..", part == "*":
			return textf("Role '%s' cannot include '%s' as a component", role, part)
		case strings.HasPrefix(part, "-"):
			return textf("Role component '%s' is invalid because it starts with a dash", part)
		case strings.ContainsAny(part, invalidRoleRunes):
			return textf("Role component '%s' is invalid because it contains backspace or whitespace", part)
		}
	}
	return nil
}

// formatSet prints strings as Mesos prints a set.
func formatSet(items []string) string {
	if len(items) == 0 {
		return "{}"
	}
	return "{ " + strings.Join(items, ", ") + " }"
}
