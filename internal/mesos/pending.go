package mesos

import (
	"context"
	"errors"
	"io"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/encoding"
	"github.com/mesos/mesos-go/api/v1/lib/master/calls"
)

var errNoOperations = errors.New("answer without operations")

// Pending lists the RESERVEs, of whatever framework, that the leader has sent to
// agents and that none has reported as finished (GET_OPERATIONS). It needs no
// subscription.
func (c *Client) Pending(ctx context.Context) ([]Pending, error) {
	var pending []Pending
	err := c.operate(ctx, calls.GetOperations(), func(codec encoding.Codec, body io.Reader) error {
		answer, err := wholeAnswer(codec, body)
		if err != nil {
			return err
		}
		if answer.GetOperations == nil {
			return errNoOperations
		}
		pending = decodePending(answer.GetOperations.Operations)
		return nil
	})
	return pending, err
}

// decodePending picks the RESERVEs that are not finished.
func decodePending(operations []mesos.Operation) []Pending {
	var pending []Pending
	for i := range operations {
		op := &operations[i]
		if op.Info.Type != mesos.Offer_Operation_RESERVE || op.LatestStatus.State == mesos.OPERATION_FINISHED {
			continue
		}
		pending = append(pending, Pending{
			AgentID: op.GetAgentID().GetValue(), Portions: decodePortions(op.Info.GetReserve().GetResources()),
		})
	}
	return pending
}
