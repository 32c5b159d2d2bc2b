package server

import (
	"io"
	"sync"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/filter"
)

const (
	// keptBytes and keptNames bound what is kept for later calls: enough for
	// 100,000 nodes, and not for whole nodes.
	keptBytes = 4 << 20
	keptNames = 1 << 17
	// announced is as much memory as a caller gets for the mere announcement of a
	// body.
	announced = 256 << 10
)

// buffers are the memory of one call, used again by later ones. Nothing of it
// may be referred to once the answer is written.
type buffers struct {
	body   []byte
	spans  []filter.Span
	answer []byte
}

var pool = sync.Pool{New: func() any { return new(buffers) }}

func takeBuffers() *buffers { return pool.Get().(*buffers) }

// release gives the memory back.
func (b *buffers) release() {
	if cap(b.body) > keptBytes || cap(b.answer) > keptBytes || cap(b.spans) > keptNames {
		return
	}
	*b = buffers{b.body[:0], b.spans[:0], b.answer[:0]}
	pool.Put(b)
}

// read reads a body of a known length, of which a part may be in body already.
func (b *buffers) read(from io.Reader, length int) error {
	for len(b.body) < length {
		if len(b.body) == cap(b.body) {
			grown := make([]byte, len(b.body), min(length, max(announced, 2*cap(b.body))))
			copy(grown, b.body)
			b.body = grown
		}
		n, err := from.Read(b.body[len(b.body):min(cap(b.body), length)])
		b.body = b.body[:len(b.body)+n]
		if err != nil && len(b.body) < length {
			if err == io.EOF {
				return io.ErrUnexpectedEOF
			}
			return err
		}
	}
	return nil
}
