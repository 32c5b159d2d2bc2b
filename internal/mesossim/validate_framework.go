package mesossim

import (
	"math"
	"slices"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

// capable reports whether the framework announced capability.
func capable(info *mesos.FrameworkInfo, capability mesos.FrameworkInfo_Capability_Type) bool {
	return slices.ContainsFunc(info.Capabilities, func(c mesos.FrameworkInfo_Capability) bool {
		return c.Type == capability
	})
}

// rolesOf returns the roles a framework subscribes to.
func rolesOf(info *mesos.FrameworkInfo) []string {
	if capable(info, mesos.FrameworkInfo_Capability_MULTI_ROLE) {
		return info.Roles
	}
	if info.Role == nil {
		return []string{"*"}
	}
	return []string{*info.Role}
}

// validateFrameworkInfo follows validation::framework::validate.
func validateFrameworkInfo(info *mesos.FrameworkInfo) error {
	if err := validateFrameworkRoles(info); err != nil {
		return err
	}
	if timeout := info.GetFailoverTimeout(); math.IsNaN(timeout) || math.Abs(timeout) > longestTimeout {
		return textf("The framework failover_timeout (%g) is invalid", timeout)
	}
	return nil
}

// longestTimeout is what fits a duration of nanoseconds, in seconds.
const longestTimeout = math.MaxInt64 / 1e9

func validateFrameworkRoles(info *mesos.FrameworkInfo) error {
	if !capable(info, mesos.FrameworkInfo_Capability_MULTI_ROLE) {
		if len(info.Roles) > 0 {
			return textf("'FrameworkInfo.roles' must not be set when the framework is not MULTI_ROLE capable")
		}
		return prefixed("'FrameworkInfo.role' is not a valid role: ", validateRole(rolesOf(info)[0]))
	}
	if info.Role != nil {
		return textf("'FrameworkInfo.role' must not be set when the framework is MULTI_ROLE capable")
	}
	var seen, duplicates []string
	for _, role := range info.Roles {
		if slices.Contains(seen, role) {
			duplicates = append(duplicates, role)
		}
		seen = append(seen, role)
	}
	if len(duplicates) > 0 {
		return textf("'FrameworkInfo.roles' contains duplicate items: %s", formatSet(slices.Compact(duplicates)))
	}
	for _, role := range info.Roles {
		if err := validateRole(role); err != nil {
			return prefixed("'FrameworkInfo.roles' contains invalid role: ", err)
		}
	}
	return nil
}

// validateSuppressed wants suppressed roles to be roles of the framework.
func validateSuppressed(roles, suppressed []string) error {
	var foreign []string
	for _, role := range suppressed {
		if !slices.Contains(roles, role) {
			foreign = append(foreign, role)
		}
	}
	if len(foreign) == 0 {
		return nil
	}
	slices.Sort(foreign)
	return textf("Suppressed roles %s are not contained in the set of roles", formatSet(slices.Compact(foreign)))
}

// validateFrameworkUpdate follows validation::framework::validateUpdate.
func validateFrameworkUpdate(old, updated *mesos.FrameworkInfo) error {
	if (old.Principal == nil) != (updated.Principal == nil) || old.GetPrincipal() != updated.GetPrincipal() {
		return textf("Changing framework's principal is not allowed.")
	}
	if old.User != updated.User {
		return textf("Updating 'FrameworkInfo.user' is unsupported; attempted to update from '%s' to '%s'", old.User, updated.User)
	}
	if old.GetCheckpoint() != updated.GetCheckpoint() {
		return textf("Updating 'FrameworkInfo.checkpoint' is unsupported; attempted to update from '%t' to '%t'", old.GetCheckpoint(), updated.GetCheckpoint())
	}
	return nil
}
