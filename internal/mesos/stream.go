package mesos

import (
	"context"
	"fmt"
	"io"

	"github.com/mesos/mesos-go/api/v1/lib/encoding"
)

// stream is the answer to a SUBSCRIBE: an endless sequence of events.
type stream struct {
	body  io.ReadCloser
	codec encoding.Codec
	id    string
	base  string // of the leader
}

// open sends SUBSCRIBE. The stream lives as long as ctx.
func (c *Client) open(ctx context.Context, frameworkID string) (*stream, error) {
	call := c.cfg.Framework.subscribeCall(frameworkID)
	if err := c.guard.scheduler(call, nil); err != nil {
		return nil, err
	}
	body, err := marshal(c.codec, call)
	if err != nil {
		return nil, err
	}
	asked := c.masters.pick()
	resp, base, err := c.post(ctx, asked, request{
		path: schedulerPath, kind: call.Type.String(), media: c.codec.Type.ContentType(), body: body,
	})
	if err != nil {
		c.masters.failed(asked)
		return nil, subscribeError(err)
	}
	codec, err := codecOf(resp.Header.Get("Content-Type"))
	if err == nil && resp.Header.Get(headerStreamID) == "" {
		err = errNoStreamID
	}
	if err != nil {
		discardStream(resp.Body)
		c.masters.failed(base)
		return nil, fmt.Errorf("SUBSCRIBE to %s: %w", base, err)
	}
	c.masters.led(base)
	return &stream{body: resp.Body, codec: codec, id: resp.Header.Get(headerStreamID), base: base}, nil
}

// discardStream closes an event stream. What is left in it is not read: it may
// have no end.
func discardStream(body io.Closer) {
	if err := body.Close(); err != nil {
		return // it was to be given up anyway
	}
}
