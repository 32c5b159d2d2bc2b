package mesossim

import (
	"maps"
	"slices"
	"strings"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	quotaproto "github.com/mesos/mesos-go/api/v1/lib/quota"
)

// updateQuota handles UPDATE_QUOTA (src/master/quota_handler.cpp).
func (m *master) updateQuota(configs []quotaproto.QuotaConfig, force bool) error {
	for i := range configs {
		if err := validateQuota(&configs[i]); err != nil {
			return err
		}
	}
	wanted := map[string]quota{}
	for _, config := range configs {
		q := quota{amountsOf(config.Guarantees), amountsOf(config.Limits)}
		used := m.consumed(config.Role).positive()
		if !within(q.limits, used) && !force {
			return textf("Invalid QuotaConfig: Role '%s' is already consuming '%s'; this is more than the requested limits '%s' (use 'force' flag to bypass this check)", config.Role, used, q.limits)
		}
		wanted[config.Role] = q
	}
	if err := m.validateGuarantees(wanted, force); err != nil {
		return err
	}
	maps.Copy(m.alloc.quotas, wanted)
	for _, config := range configs {
		m.enforceQuota(config.Role)
	}
	m.saveRegistry()
	return nil
}

func amountsOf(scalars map[string]mesos.Value_Scalar) quantities {
	out := quantities{}
	for name, scalar := range scalars {
		out[name] = toFixed(scalar.Value)
	}
	return out
}

// within reports whether used stays within limits; what has no limit may be
// anything.
func within(limits, used quantities) bool {
	for name, limit := range limits {
		if used[name] > limit {
			return false
		}
	}
	return true
}

func validateQuota(config *quotaproto.QuotaConfig) error {
	if strings.Contains(config.Role, "/") {
		return textf("Updating quota on nested role '%s' is not supported yet", config.Role)
	}
	if err := validateRole(config.Role); err != nil {
		return prefixed("Invalid QuotaConfig: Invalid 'QuotaConfig.role': ", err)
	}
	for _, part := range []struct {
		name    string
		scalars map[string]mesos.Value_Scalar
	}{{"guarantee", config.Guarantees}, {"limit", config.Limits}} {
		for _, name := range slices.Sorted(maps.Keys(part.scalars)) {
			if value := part.scalars[name].Value; value < 0 {
				return textf("Invalid QuotaConfig: Invalid %s configuration {'%s': %s}: Negative values not supported", part.name, name, formatScalar(value))
			}
		}
	}
	guarantees, limits := amountsOf(config.Guarantees), amountsOf(config.Limits)
	if !within(limits, guarantees) {
		return textf("Invalid QuotaConfig: 'QuotaConfig.guarantees' %s is not contained within the 'QuotaConfig.limits' %s", formatAmounts(guarantees), formatAmounts(limits))
	}
	return nil
}

// formatAmounts prints quantities as Mesos prints a map.
func formatAmounts(q quantities) string {
	parts := make([]string, 0, len(q))
	for _, name := range slices.Sorted(maps.Keys(q)) {
		parts = append(parts, name+": "+formatScalar(fromFixed(q[name])))
	}
	return formatSet(parts)
}

func (m *master) validateGuarantees(wanted map[string]quota, force bool) error {
	total := quantities{}
	for role, q := range m.alloc.quotas {
		if _, replaced := wanted[role]; !replaced {
			total.addQ(q.guarantees, 1)
		}
	}
	for _, q := range wanted {
		total.addQ(q.guarantees, 1)
	}
	if m.alloc.total.covers(total) || force {
		return nil
	}
	return textf("Invalid QuotaConfig: total quota guarantees '%s' exceed cluster capacity '%s' (use 'force' flag to bypass this check)", total, m.alloc.total.positive())
}

// consumed is what a role has used up of its quota: reservations, and what its
// tasks use beside them. Offers do not count.
func (m *master) consumed(role string) quantities {
	used := m.quotaConsumption(role)
	for _, o := range m.offers {
		if topRole(o.role) == role {
			used.addResources(o.resources.filter(quotaCounted), -1)
		}
	}
	return used
}

// enforceQuota rescinds offers until the role is within its limits and others
// leave it what it is guaranteed.
func (m *master) enforceQuota(role string) {
	q := m.alloc.quotas[role]
	held := m.consumed(role)
	for _, o := range offersInOrder(m.offers) {
		if topRole(o.role) == role {
			held.addResources(o.resources, 1)
		}
	}
	for _, fw := range m.frameworksInOrder() {
		for _, o := range offersInOrder(fw.offers) {
			if within(q.limits, held) {
				break
			}
			if topRole(o.role) == role {
				held.addResources(o.resources, -1)
				m.removeOffer(o, nil, true)
			}
		}
	}
	for _, o := range offersInOrder(m.offers) {
		if held.covers(q.guarantees) {
			return
		}
		if topRole(o.role) != role {
			held.addResources(o.resources, 1)
			m.removeOffer(o, nil, true)
		}
	}
}

// quotaStatus is the answer to GET_QUOTA.
func (m *master) quotaStatus() quotaproto.QuotaStatus {
	var status quotaproto.QuotaStatus
	for _, role := range slices.Sorted(maps.Keys(m.alloc.quotas)) {
		q := m.alloc.quotas[role]
		name := role
		info := quotaproto.QuotaInfo{Role: &name}
		for _, r := range slices.Sorted(maps.Keys(q.guarantees)) {
			guarantee := resource{name: r, kind: mesos.SCALAR, scalar: fromFixed(q.guarantees[r])}
			info.Guarantee = append(info.Guarantee, guarantee.toProto())
		}
		status.Infos = append(status.Infos, info)
		status.Configs = append(status.Configs, quotaproto.QuotaConfig{
			Role: role, Guarantees: scalarsOf(q.guarantees), Limits: scalarsOf(q.limits),
		})
	}
	return status
}

func scalarsOf(q quantities) map[string]mesos.Value_Scalar {
	out := map[string]mesos.Value_Scalar{}
	for name, amount := range q {
		out[name] = mesos.Value_Scalar{Value: fromFixed(amount)}
	}
	return out
}
