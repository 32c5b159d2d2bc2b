package mesos

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"sync"

	"github.com/mesos/mesos-go/api/v1/lib/encoding"
	"github.com/mesos/mesos-go/api/v1/lib/encoding/codecs"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

const (
	// bulkSize is the size of a record, in bytes, from which it is decoded while
	// it arrives.
	bulkSize = 1 << 20
	// bulkPart is how much of it is decoded and handed over at a time.
	bulkPart = 4 << 20
)

// maxPrefix is the longest that stands in an event before its offers.
const maxPrefix = 3 + binary.MaxVarintLen64

// offersPrefix returns how many bytes stand before the content of
// Event.offers, if the record of that size is an OFFERS event in protobuf and
// has no other fields. start is the beginning of the record.
func offersPrefix(codec encoding.Codec, start []byte, size int64) (prefix int, ok bool) {
	const kind, offers = 1<<3 | wireVarint, 3<<3 | wireBytes
	if codec.Name != codecs.NameProtobuf || len(start) < 4 ||
		start[0] != kind || start[1] != byte(scheduler.Event_OFFERS) || start[2] != offers {
		return 0, false
	}
	length, n := binary.Uvarint(start[3:])
	return 3 + n, n > 0 && length == uint64(size)-uint64(3+n)
}

// part is a piece of an OFFERS event: whole fields of Event.Offers.
type part struct {
	data    []byte
	done    chan struct{} // closed once what follows is there
	offers  []*resources.Offer
	failure error
}

// bulk takes in the offers of an event that is size bytes long and arrives on
// in. It is decoded beside the handler, which gets the offers in their order,
// some thousand at a time.
func (d *dispatcher) bulk(in *bufio.Reader, size int64) (err error) {
	parts, jobs, quit := make(chan *part, 2), make(chan *part, 2), make(chan struct{})
	var busy sync.WaitGroup
	busy.Go(func() {
		defer close(jobs)
		defer close(parts)
		cut(in, size, func(p *part) bool {
			select {
			case <-quit:
				return false
			case parts <- p:
			}
			if p.failure == nil {
				jobs <- p
			}
			return true
		})
	})
	for range max(1, runtime.GOMAXPROCS(0)-1) {
		busy.Go(func() {
			decoder := newOfferDecoder()
			for p := range jobs {
				p.offers, p.failure = decoder.list(p.data)
				p.data = nil
				d.session.offers.add(p.offers)
				close(p.done)
			}
		})
	}
	defer busy.Wait()
	defer close(quit)
	for p := range parts {
		<-p.done
		if p.failure != nil {
			d.cancel(p.failure) // ends a read that waits
			return fmt.Errorf("event stream: %w", p.failure)
		}
		d.dog.beat()
		if len(p.offers) > 0 {
			d.handler.Offers(d.session.generation, p.offers)
		}
	}
	return nil
}

// hand hands offers over.
func (d *dispatcher) hand(offers []*resources.Offer) {
	if len(offers) > 0 {
		d.session.offers.add(offers)
		d.handler.Offers(d.session.generation, offers)
	}
}

// cut reads a message of size bytes and emits it in parts, until emit wants no
// more. A part that could not be read has a failure, and is the last.
func cut(in *bufio.Reader, size int64, emit func(*part) bool) {
	for left := size; left > 0; {
		p := &part{done: make(chan struct{}), data: make([]byte, 0, min(left, bulkPart+bulkPart/8))}
		for left > 0 && len(p.data) < bulkPart {
			data, took, err := appendField(p.data, in, left, 1)
			if err != nil {
				p.failure = err
				close(p.done)
				emit(p)
				return
			}
			p.data, left = data, left-took
		}
		if !emit(p) {
			return
		}
	}
}

// errField is a field that does not end within its message, or of a wire type
// that has gone out of use.
var errField = errors.New("decode protobuf: malformed field")

// maxHead is the longest that stands before the content of a field.
const maxHead = 2 * binary.MaxVarintLen64

// appendField reads the next field of a message of which left bytes are left,
// and returns how many of them it took. It appends the field, tag included, if
// it is bytes and its number is no higher than last; others are of a newer
// master.
func appendField(data []byte, in *bufio.Reader, left int64, last uint64) (after []byte, took int64, err error) {
	head, err := in.Peek(int(min(left, maxHead)))
	if err != nil {
		return data, 0, unexpected(err)
	}
	tag, n := binary.Uvarint(head)
	number := tag >> 3
	if ours := number <= last; n <= 0 || ours && tag&7 != wireBytes || number == 0 || number > maxField {
		return data, 0, errField
	}
	value, m := uint64(0), 0
	switch tag & 7 {
	case wireVarint, wireBytes:
		if value, m = binary.Uvarint(head[n:]); m <= 0 {
			return data, 0, errField
		}
		if tag&7 == wireVarint {
			value = 0
		}
	case wireFixed64:
		value = 8
	case wireFixed32:
		value = 4
	default:
		return data, 0, errField
	}
	if value > uint64(left)-uint64(n+m) {
		return data, 0, errField
	}
	took = int64(n+m) + int64(value)
	if number > last {
		_, err = io.CopyN(io.Discard, in, took)
		return data, took, err
	}
	data, err = appendFrom(data, in, took)
	return data, took, err
}

// appendFrom appends what is read. Memory grows with what arrives.
func appendFrom(data []byte, in io.Reader, size int64) ([]byte, error) {
	for size > 0 {
		step := int(min(size, bulkSize))
		data = slices.Grow(data, step)[:len(data)+step]
		if _, err := io.ReadFull(in, data[len(data)-step:]); err != nil {
			return data, unexpected(err)
		}
		size -= int64(step)
	}
	return data, nil
}

// list decodes an encoded Event.Offers, or a part of it.
func (d *offerDecoder) list(data []byte) ([]*resources.Offer, error) {
	var offers []*resources.Offer
	for rest := scan(data); len(rest) > 0; {
		number, content, err := rest.next()
		if err != nil {
			return nil, errField
		}
		if number != 1 || content == nil {
			continue // of a newer master
		}
		offer, err := d.decode(content)
		if err != nil {
			return nil, err
		}
		offers = append(offers, offer)
	}
	return offers, nil
}
