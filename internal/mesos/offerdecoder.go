package mesos

import (
	"fmt"
	"net/netip"

	mesos "github.com/mesos/mesos-go/api/v1/lib"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

const (
	// maxShared bounds how many different values are remembered, and
	// maxSharedSize the encoded size of one, in bytes.
	maxShared     = 4096
	maxSharedSize = 1 << 10
)

// offerDecoder reads offers from protobuf without the generated structs, which
// cost several times what is kept of them. What agents have in common — roles,
// regions, attributes, and the resources of equal machines — is made once and
// shared: offers are immutable. An offer of an unusual shape is left to the
// generated decoder, so that both always mean the same.
//
// It is not safe for concurrent use.
type offerDecoder struct {
	texts      map[string]string
	attributes map[string][]resources.Label
	portions   map[string][]resources.Portion
	stacks     map[string]stack
}

func newOfferDecoder() *offerDecoder {
	return &offerDecoder{
		texts:      map[string]string{},
		attributes: map[string][]resources.Label{},
		portions:   map[string][]resources.Portion{},
		stacks:     map[string]stack{},
	}
}

// decode reads one encoded Offer.
func (d *offerDecoder) decode(data []byte) (offer *resources.Offer, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("decode protobuf: decoder panicked: %v", p)
		}
	}()
	if offer, err := d.direct(data); err == nil {
		return offer, nil
	}
	var whole mesos.Offer
	if err := whole.Unmarshal(data); err != nil {
		return nil, fmt.Errorf("decode protobuf: %w", err)
	}
	return decodeOffer(&whole), nil
}

// offerFields are the fields of an encoded Offer, by their numbers in
// mesos.proto. Those that may be repeated hold their tags as well.
type offerFields struct {
	at  [12][]byte
	has [12]bool
}

const (
	fieldID         = 1
	fieldFramework  = 2
	fieldAgent      = 3
	fieldHostname   = 4
	fieldResources  = 5
	fieldAttributes = 7
	fieldURL        = 8
	fieldAllocation = 10
	fieldDomain     = 11
)

// fieldReservations is the number of Resource.reservations.
const fieldReservations = 13

// split finds the fields. Unknown ones, ones that stand twice, repeated ones
// that do not stand together, and rare ones are errWire.
func (f *offerFields) split(data []byte) error {
	for rest := scan(data); len(rest) > 0; {
		before := rest
		number, content, err := rest.next()
		if err != nil || content == nil {
			return errWire
		}
		switch number {
		case fieldResources, fieldAttributes:
			content = before[:len(before)-len(rest)]
			for len(rest) > 0 && rest[0] == before[0] {
				if _, _, err := rest.next(); err != nil {
					return err
				}
				content = before[:len(before)-len(rest)]
			}
		case fieldID, fieldFramework, fieldAgent, fieldHostname, fieldURL, fieldAllocation, fieldDomain:
		default:
			return errWire
		}
		if f.has[number] {
			return errWire
		}
		f.at[number], f.has[number] = content, true
	}
	if !f.has[fieldID] || !f.has[fieldFramework] || !f.has[fieldAgent] || !f.has[fieldHostname] {
		return errWire
	}
	return nil
}

// direct reads an offer of the usual shape, else it returns errWire.
func (d *offerDecoder) direct(data []byte) (*resources.Offer, error) {
	var f offerFields
	if err := f.split(data); err != nil {
		return nil, err
	}
	id, errID := only(f.at[fieldID])
	_, errFramework := only(f.at[fieldFramework])
	agent, errAgent := only(f.at[fieldAgent])
	if errID != nil || errFramework != nil || errAgent != nil {
		return nil, errWire
	}
	offer := &resources.Offer{}
	offer.ID, offer.AgentID, offer.Hostname = together(id, agent, f.at[fieldHostname])
	var err error
	if f.has[fieldAllocation] {
		if err = d.allocation(f.at[fieldAllocation], offer); err != nil {
			return nil, err
		}
	}
	if f.has[fieldURL] {
		if offer.Address, err = directAddress(f.at[fieldURL]); err != nil {
			return nil, err
		}
	}
	if f.has[fieldDomain] {
		if err := d.domain(f.at[fieldDomain], offer); err != nil {
			return nil, err
		}
	}
	if offer.Attributes, err = shared(d.attributes, f.at[fieldAttributes], directAttributes); err != nil {
		return nil, err
	}
	offer.Portions, err = shared(d.portions, f.at[fieldResources], d.directPortions)
	return offer, err
}

// together makes one allocation of three texts that are kept together.
func together(a, b, c []byte) (string, string, string) {
	all := make([]byte, 0, 128)
	all = append(append(append(all, a...), b...), c...)
	text := string(all)
	return text[:len(a)], text[len(a) : len(a)+len(b)], text[len(a)+len(b):]
}

// text returns the string of data, the same for the same data.
func (d *offerDecoder) text(data []byte) string {
	text, _ := shared(d.texts, data, func(data []byte) (string, error) { return string(data), nil })
	return text
}

// shared returns what make makes of data, and makes it once.
func shared[T any](known map[string]T, data []byte, fresh func([]byte) (T, error)) (T, error) {
	if value, ok := known[string(data)]; ok {
		return value, nil
	}
	value, err := fresh(data)
	if err != nil || len(data) > maxSharedSize {
		return value, err
	}
	if len(known) >= maxShared {
		clear(known) // what is common will soon be back
	}
	known[string(data)] = value
	return value, nil
}

// allocation reads AllocationInfo.
func (d *offerDecoder) allocation(data []byte, offer *resources.Offer) error {
	role, err := only(data)
	offer.Role = d.text(role)
	return err
}

// domain reads DomainInfo { FaultDomain { RegionInfo { name }, ZoneInfo { name } } }.
func (d *offerDecoder) domain(data []byte, offer *resources.Offer) error {
	fault, err := only(data)
	if err != nil || len(fault) == 0 {
		return errWire
	}
	rest, names := scan(fault), [3][]byte{}
	for want := 1; want <= 2; want++ {
		if len(rest) == 0 {
			return errWire
		}
		number, info, err := rest.next()
		if err != nil || number != want {
			return errWire
		}
		if names[want], err = only(info); err != nil {
			return err
		}
	}
	offer.Region, offer.Zone = d.text(names[1]), d.text(names[2])
	if len(rest) > 0 {
		return errWire
	}
	return nil
}

// directAddress reads URL { scheme, Address { hostname, ip, port }, path }; see
// decodeAddress.
func directAddress(data []byte) (netip.Addr, error) {
	url, ok := fields(data, wireBytes, wireBytes, wireBytes)
	if !ok || url[0] == nil || url[1] == nil {
		return netip.Addr{}, errWire
	}
	address, ok := fields(url[1], wireBytes, wireBytes, wireVarint)
	if !ok || address[2] == nil {
		return netip.Addr{}, errWire
	}
	for _, text := range [][]byte{address[1], address[0]} {
		if addr, err := netip.ParseAddr(string(text)); err == nil {
			return addr.Unmap(), nil
		}
	}
	return netip.Addr{}, nil
}

// fields splits a message that has no other fields than 1, 2 and 3, each of its
// wire type and at most once. One that is absent is nil; a varint that is there
// is not.
func fields(data []byte, types ...int) (out [3][]byte, ok bool) {
	for rest := scan(data); len(rest) > 0; {
		kind := int(rest[0] & 7)
		number, content, err := rest.next()
		if err != nil || number > len(types) || types[number-1] != kind || out[number-1] != nil {
			return out, false
		}
		if content == nil {
			content = []byte{}
		}
		out[number-1] = content
	}
	return out, true
}

// directAttributes reads Offer.attributes, tags included.
func directAttributes(data []byte) ([]resources.Label, error) {
	var list []mesos.Attribute
	for rest := scan(data); len(rest) > 0; {
		_, content, err := rest.next()
		if err != nil {
			return nil, err
		}
		list = append(list, mesos.Attribute{})
		if err := list[len(list)-1].Unmarshal(content); err != nil {
			return nil, errWire
		}
	}
	return decodeAttributes(list), nil
}

// directPortions reads Offer.resources, tags included. What pods have reserved is
// in each offer of their agent, so its stack is made once, too.
func (d *offerDecoder) directPortions(data []byte) ([]resources.Portion, error) {
	var g grouping
	for rest := scan(data); len(rest) > 0; {
		_, content, err := rest.next()
		if err != nil {
			return nil, err
		}
		content, reservations := cutReservations(content)
		var r mesos.Resource
		if err := r.Unmarshal(content); err != nil {
			return nil, errWire
		}
		if len(reservations) == 0 {
			g.add(&r, newStack(decodeLayers(&r)))
			continue
		}
		under, err := shared(d.stacks, reservations, directStack)
		if err != nil {
			return nil, err
		}
		g.add(&r, under)
	}
	return g.portions, nil
}

// cutReservations cuts Resource.reservations, tags included, off the end of an
// encoded Resource, where Mesos writes them.
func cutReservations(data []byte) (rest, reservations []byte) {
	end := len(data)
	for s := scan(data); len(s) > 0; {
		at := len(data) - len(s)
		number, content, err := s.next()
		switch {
		case err != nil, content == nil && number == fieldReservations:
			return data, nil
		case number == fieldReservations:
			end = min(end, at)
		case end < len(data):
			return data, nil // something comes after them
		}
	}
	return data[:end], data[end:]
}

// directStack reads what cutReservations has cut off.
func directStack(data []byte) (stack, error) {
	var list []mesos.Resource_ReservationInfo
	for rest := scan(data); len(rest) > 0; {
		_, content, err := rest.next()
		if err != nil {
			return stack{}, err
		}
		list = append(list, mesos.Resource_ReservationInfo{})
		if err := list[len(list)-1].Unmarshal(content); err != nil {
			return stack{}, errWire
		}
	}
	return newStack(layersOf(list)), nil
}
