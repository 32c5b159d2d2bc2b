package mesos

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/mesos/mesos-go/api/v1/lib/encoding/framing"
)

// maxFrame bounds one event, in bytes. An OFFERS event right after SUBSCRIBED
// holds every agent: about 0.4 KB each in protobuf and 1.2 KB in JSON.
const maxFrame = 128 << 20

// maxLengthLine is the longest decimal length that is read, newline included.
const maxLengthLine = 20

var errFrame = errors.New("malformed RecordIO frame")

// frames reads RecordIO (Mesos docs/scheduler-http-api.md): each record is its
// length in decimal, a newline and the record. It stands in for the library's
// reader, which ends at 4 MiB and panics on a length beyond int64.
type frames struct {
	in  *bufio.Reader
	buf bytes.Buffer
}

var _ framing.Reader = (*frames)(nil)

func newFrames(in io.Reader) *frames {
	return &frames{in: bufio.NewReaderSize(in, 64<<10)}
}

// ReadFrame returns the next record that is not empty, valid until the next
// call. It returns io.EOF if the stream ends between records.
func (f *frames) ReadFrame() ([]byte, error) {
	size, err := f.next()
	if err != nil {
		return nil, err
	}
	return f.read(size)
}

// next returns the size of the next record that is not empty; the record itself
// is then to be read from f.in. io.EOF if the stream ends between records.
func (f *frames) next() (int64, error) {
	for {
		if size, err := f.size(); err != nil || size > 0 {
			return size, err
		}
	}
}

// maxKept is the largest buffer that is kept for the next record, in bytes.
const maxKept = 1 << 20

// read returns the record whose size next has returned.
func (f *frames) read(size int64) ([]byte, error) {
	if f.buf.Reset(); f.buf.Cap() > maxKept {
		f.buf = bytes.Buffer{}
	}
	// Grows with what arrives, not with what the length line claims.
	if _, err := io.CopyN(&f.buf, f.in, size); err != nil {
		return nil, fmt.Errorf("record of %d bytes: %w", size, unexpected(err))
	}
	return f.buf.Bytes(), nil
}

func (f *frames) size() (int64, error) {
	var line []byte
	for {
		b, err := f.in.ReadByte()
		if err != nil {
			if len(line) > 0 {
				err = unexpected(err)
			}
			return 0, err
		}
		if b == '\n' {
			break
		}
		if line = append(line, b); len(line) >= maxLengthLine {
			return 0, fmt.Errorf("%w: no length line", errFrame)
		}
	}
	size, err := strconv.ParseUint(string(bytes.TrimSpace(line)), 10, 63)
	if err != nil {
		return 0, fmt.Errorf("%w: length %q", errFrame, line)
	}
	if size > maxFrame {
		return 0, fmt.Errorf("%w: %d bytes are over the limit of %d", errFrame, size, maxFrame)
	}
	return int64(size), nil
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
