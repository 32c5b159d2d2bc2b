package mesos

import (
	"net/netip"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

// decodeOffer translates an offer. What the extender cannot use is left out.
func decodeOffer(offer *mesos.Offer) *resources.Offer {
	region, zone := decodeDomain(offer.Domain)
	return &resources.Offer{
		ID:          offer.ID.Value,
		AgentID:     offer.AgentID.Value,
		Role:        offer.GetAllocationInfo().GetRole(),
		Hostname:    offer.Hostname,
		Address:     decodeAddress(offer.URL),
		Region:      region,
		Zone:        zone,
		Attributes:  decodeAttributes(offer.Attributes),
		Maintenance: decodeMaintenance(offer.Unavailability),
		Portions:    decodePortions(offer.Resources),
	}
}

func decodeDomain(domain *mesos.DomainInfo) (region, zone string) {
	fault := domain.GetFaultDomain()
	if fault == nil {
		return "", ""
	}
	return fault.Region.Name, fault.Zone.Name
}

// decodeAddress returns the address in an agent's URL, invalid if it has none.
func decodeAddress(url *mesos.URL) netip.Addr {
	if url == nil {
		return netip.Addr{}
	}
	for _, text := range []string{url.Address.GetIP(), url.Address.GetHostname()} {
		if addr, err := netip.ParseAddr(text); err == nil {
			return addr.Unmap()
		}
	}
	return netip.Addr{}
}

// decodeMaintenance translates an unavailability. An absent duration means for
// ever (Mesos docs/maintenance.md), which resources.Maintenance writes as zero;
// a stated duration of zero is kept apart as the shortest possible one.
func decodeMaintenance(u *mesos.Unavailability) *resources.Maintenance {
	if u == nil {
		return nil
	}
	window := &resources.Maintenance{Start: time.Unix(0, u.Start.Nanoseconds)}
	if u.Duration != nil {
		window.Duration = max(time.Duration(u.Duration.Nanoseconds), 1)
	}
	return window
}

// decodeOperationStatus translates an operation's status.
func decodeOperationStatus(status *mesos.OperationStatus) OperationStatus {
	return OperationStatus{
		OperationID:        status.GetOperationID().GetValue(),
		State:              OperationState(status.State.String()),
		Message:            status.GetMessage(),
		AgentID:            status.GetAgentID().GetValue(),
		UUID:               status.GetUUID().GetValue(),
		ResourceProviderID: status.GetResourceProviderID().GetValue(),
	}
}

// decodeInverseOffer translates an inverse offer.
func decodeInverseOffer(inverse *mesos.InverseOffer) InverseOffer {
	return InverseOffer{
		ID:          inverse.OfferID.Value,
		AgentID:     inverse.GetAgentID().GetValue(),
		Maintenance: *decodeMaintenance(&inverse.Unavailability),
	}
}
