package mesos

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/encoding"
	"github.com/mesos/mesos-go/api/v1/lib/master"
	"github.com/mesos/mesos-go/api/v1/lib/master/calls"
	"go.uber.org/zap"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/logkeys"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

// maxAnswer bounds the answer to an operator call, in bytes.
const maxAnswer = 512 << 20

// UnreserveByOperator pops the last layer of portions without an offer
// (UNRESERVE_RESOURCES). The master answers before the agent acts, and takes
// offers of that agent back, even when it refuses: a *StatusError with code
// 409 says that the resources are in use or not reserved so.
func (c *Client) UnreserveByOperator(ctx context.Context, agentID string, portions []resources.Portion) error {
	list := encodePortions(portions, "")
	return c.operate(ctx, calls.UnreserveResources(mesos.AgentID{Value: agentID}, list...), nil)
}

// reader reads an answer to its end. It does not close it.
type reader func(codec encoding.Codec, body io.Reader) error

// operate sends an operator call to the leader and has its answer read. Masters
// that cannot be reached or do not lead are passed over; read may be nil.
func (c *Client) operate(ctx context.Context, call *master.Call, read reader) error {
	kind := call.Type.String()
	if err := c.guard.operator(call); err != nil {
		c.metrics.call(kind, codeRefused, 0)
		return err
	}
	body, err := marshal(c.codec, call)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, c.cfg.CallTimeout)
	defer cancel()
	r := request{path: operatorPath, kind: kind, media: c.codec.Type.ContentType(), body: body}
	var failures []error
	for _, base := range c.masters.candidates() {
		resp, from, err := c.post(ctx, base, r)
		c.log.Debug("mesos operator call", zap.String("type", kind), zap.String(logkeys.Master, from), zap.Error(err))
		if err == nil {
			return readAnswer(resp, kind, read)
		}
		failures = append(failures, err)
		if !elsewhere(err) {
			break
		}
	}
	return errors.Join(failures...)
}

// elsewhere reports whether a call surely had no effect at one master and is
// worth trying at the next.
func elsewhere(err error) bool {
	var status *StatusError
	if errors.As(err, &status) {
		return status.Code == http.StatusServiceUnavailable
	}
	var network *net.OpError
	return errors.As(err, &network) && network.Op == "dial"
}

func readAnswer(resp *http.Response, kind string, read reader) error {
	defer discard(resp.Body)
	if read == nil {
		return nil
	}
	codec, err := codecOf(resp.Header.Get("Content-Type"))
	if err == nil {
		err = read(codec, io.LimitReader(resp.Body, maxAnswer))
	}
	if err != nil {
		return fmt.Errorf("%s: %w", kind, err)
	}
	return nil
}

// wholeAnswer reads an answer that is not too long to be decoded at once.
func wholeAnswer(codec encoding.Codec, body io.Reader) (*master.Response, error) {
	data, err := io.ReadAll(body)
	if err != nil {
		return nil, fmt.Errorf("read answer: %w", err)
	}
	answer := new(master.Response)
	return answer, decode(codec, data, answer)
}
