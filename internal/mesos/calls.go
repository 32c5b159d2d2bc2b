package mesos

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/mesos/mesos-go/api/v1/lib/scheduler"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler/calls"
	"go.uber.org/zap"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/logkeys"
)

// Accept sends ACCEPT. nil means that the master received it and no more (trap
// T13): the outcome of each operation comes as its status. ErrDisconnected and
// ErrDeadly mean that it had no effect; after any other error it may have had.
// The operation IDs are used up unless the error is ErrDeadly, or ErrDisconnected
// because of the generation.
func (c *Client) Accept(ctx context.Context, a Accept) error {
	return c.call(ctx, needGeneration(a.Generation), encodeAccept(a))
}

// Decline gives offers back and asks not to see them again for refuse (Mesos
// rounds it up to its allocation interval, at least). No IDs, no call.
func (c *Client) Decline(ctx context.Context, generation uint64, ids []string, refuse time.Duration) error {
	if len(ids) == 0 {
		return nil
	}
	call := calls.Decline(offerIDs(ids)...).With(calls.RefuseSeconds(max(refuse, 0)))
	return c.call(ctx, needGeneration(generation), call)
}

// Revive removes all filters of the roles and allocates at once. No roles, no
// call: to Mesos it would mean all of them.
func (c *Client) Revive(ctx context.Context, roles []string) error {
	if len(roles) == 0 {
		return nil
	}
	return c.call(ctx, 0, calls.ReviveWith(roles))
}

// Suppress stops offers to the roles until Revive. Offers held stay. No roles,
// no call.
func (c *Client) Suppress(ctx context.Context, roles []string) error {
	if len(roles) == 0 {
		return nil
	}
	return c.call(ctx, 0, calls.SuppressWith(roles))
}

// Acknowledge stops the agent from sending status again. It takes the whole
// status as it was received, because an acknowledgement with another agent's
// ID ends the master (trap T14). A status without UUID must not be
// acknowledged; for such a one nothing is sent.
func (c *Client) Acknowledge(ctx context.Context, status OperationStatus) error {
	if len(status.UUID) == 0 {
		return nil
	}
	call := calls.AcknowledgeOperationStatus(status.AgentID, status.ResourceProviderID, status.UUID, status.OperationID)
	return c.call(ctx, 0, call)
}

// Reconcile asks for the state of operations, or of all pending ones if refs
// is empty. The answers are operation statuses without UUID; one that was
// acknowledged is answered OPERATION_UNKNOWN (trap T16).
func (c *Client) Reconcile(ctx context.Context, refs []OperationRef) error {
	return c.call(ctx, 0, encodeReconcile(refs))
}

// AcceptInverse says that the agents' resources will be given back in time.
func (c *Client) AcceptInverse(ctx context.Context, generation uint64, ids []string, refuse time.Duration) error {
	if len(ids) == 0 {
		return nil
	}
	call := calls.AcceptInverseOffers(offerIDs(ids)...).With(calls.RefuseSeconds(max(refuse, 0)))
	return c.call(ctx, needGeneration(generation), call)
}

// DeclineInverse says that they will not.
func (c *Client) DeclineInverse(ctx context.Context, generation uint64, ids []string, refuse time.Duration) error {
	if len(ids) == 0 {
		return nil
	}
	call := calls.DeclineInverseOffers(offerIDs(ids)...).With(calls.RefuseSeconds(max(refuse, 0)))
	return c.call(ctx, needGeneration(generation), call)
}

// noGeneration never exists: generations count up from 1.
const noGeneration = ^uint64(0)

// needGeneration keeps a forgotten generation from meaning "any".
func needGeneration(generation uint64) uint64 {
	if generation == 0 {
		return noGeneration
	}
	return generation
}

// call sends a call of the subscription in force. Nothing is sent if that is
// not of the generation, or if the guard refuses.
func (c *Client) call(ctx context.Context, generation uint64, call *scheduler.Call) error {
	s, err := c.subscribed(generation)
	if err != nil {
		return err
	}
	call = call.With(calls.Framework(s.frameworkID))
	if err := c.guard.scheduler(call, &s.offers); err != nil {
		c.metrics.call(call.Type.String(), codeRefused, 0)
		return err
	}
	body, err := marshal(c.codec, call)
	if err != nil {
		return err
	}
	s.offers.spend(call.GetAccept().GetOfferIDs())
	s.offers.spend(call.GetDecline().GetOfferIDs())
	ctx, cancel := context.WithTimeout(ctx, c.cfg.CallTimeout)
	defer cancel()
	resp, base, err := c.post(ctx, s.base, request{
		path: schedulerPath, kind: call.Type.String(), streamID: s.streamID,
		media: c.codec.Type.ContentType(), body: body,
	})
	c.log.Debug("mesos call", zap.String("type", call.Type.String()), zap.String(logkeys.Master, base), zap.Error(err))
	if err != nil {
		return s.judge(callError(err))
	}
	discard(resp.Body)
	return nil
}

// judge ends the subscription if the master says that it has none: the stream
// is then half open. No other failure of a call touches the subscription, and
// a wrong stream ID does not either: then another subscriber took our place,
// and the ERROR event which says so must still be read (trap T2).
func (s *session) judge(err error) error {
	var status *StatusError
	if errors.Is(err, ErrDisconnected) && errors.As(err, &status) && status.Code == http.StatusForbidden {
		s.cancel(errNotSubscribed)
	}
	return err
}
