package mesos

import (
	"encoding/binary"
	"errors"
)

// Wire types of protobuf (protobuf.dev, "Encoding").
const (
	wireVarint  = 0
	wireFixed64 = 1
	wireBytes   = 2
	wireFixed32 = 5
)

// maxField is the largest number that a field may have.
const maxField = 1<<29 - 1

// errWire says that a message is not of the shape that is read directly. The
// generated decoder then has the last word.
var errWire = errors.New("not read directly")

// scan is the rest of a protobuf message of which fields are read directly.
type scan []byte

// next cuts the next field off. Fields of other wire types than varint and
// bytes, and numbers of more than one byte, are errWire.
func (s *scan) next() (number int, data []byte, err error) {
	rest := *s
	tag := rest[0]
	if tag >= 0x80 || tag < 1<<3 {
		return 0, nil, errWire
	}
	value, n := binary.Uvarint(rest[1:])
	if n <= 0 {
		return 0, nil, errWire
	}
	rest = rest[1+n:]
	switch tag & 7 {
	case wireVarint:
	case wireBytes:
		if value > uint64(len(rest)) {
			return 0, nil, errWire
		}
		data, rest = rest[:value:value], rest[value:]
	default:
		return 0, nil, errWire
	}
	*s = rest
	return int(tag >> 3), data, nil
}

// only returns the content of a message that is nothing but one field, of bytes
// and with number 1: a Mesos ID, or a name.
func only(message []byte) ([]byte, error) {
	if len(message) == 0 || message[0] != 1<<3|wireBytes {
		return nil, errWire
	}
	s := scan(message)
	_, data, err := s.next()
	if err == nil && len(s) > 0 {
		err = errWire
	}
	return data, err
}
