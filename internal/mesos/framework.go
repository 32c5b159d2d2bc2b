package mesos

import (
	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler/calls"
)

// capabilities are those without which the master hides something from us
// (Mesos include/mesos/v1/mesos.proto, FrameworkInfo.Capability):
// MULTI_ROLE puts the role into offers, RESERVATION_REFINEMENT shows whole
// reservation stacks, GPU_RESOURCES and REGION_AWARE bring offers of agents
// with GPUs and in other regions, PARTITION_AWARE exact states of lost agents.
var capabilities = []mesos.FrameworkInfo_Capability_Type{
	mesos.FrameworkInfo_Capability_MULTI_ROLE,
	mesos.FrameworkInfo_Capability_RESERVATION_REFINEMENT,
	mesos.FrameworkInfo_Capability_PARTITION_AWARE,
	mesos.FrameworkInfo_Capability_GPU_RESOURCES,
	mesos.FrameworkInfo_Capability_REGION_AWARE,
}

// subscribeCall builds SUBSCRIBE; id is empty for a new framework.
func (f FrameworkInfo) subscribeCall(id string) *scheduler.Call {
	return calls.Subscribe(f.proto(id))
}

func (f FrameworkInfo) proto(id string) *mesos.FrameworkInfo {
	timeout := f.FailoverTimeout.Seconds()
	info := &mesos.FrameworkInfo{
		User:            f.User,
		Name:            f.Name,
		FailoverTimeout: &timeout,
		Checkpoint:      &f.Checkpoint,
		Roles:           f.Roles,
		Hostname:        optional(f.Hostname),
		Principal:       optional(f.Principal),
		WebUiURL:        optional(f.WebUIURL),
		OfferFilters:    make(map[string]mesos.OfferFilters, len(f.Roles)),
	}
	if id != "" {
		info.ID = &mesos.FrameworkID{Value: id}
	}
	for _, capability := range capabilities {
		info.Capabilities = append(info.Capabilities, mesos.FrameworkInfo_Capability{Type: capability})
	}
	for _, role := range f.Roles {
		// No quantities means that any offer is large enough. The master's own
		// minimum would hide a small reservation of ours for good (trap T8).
		info.OfferFilters[role] = mesos.OfferFilters{
			MinAllocatableResources: &mesos.OfferFilters_MinAllocatableResources{
				Quantities: []mesos.OfferFilters_ResourceQuantities{},
			},
		}
	}
	return info
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
