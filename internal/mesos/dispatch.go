package mesos

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/mesos/mesos-go/api/v1/lib/scheduler"
	"go.uber.org/zap"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/logkeys"
	"github.com/kube-mesos-extender/kube-mesos-extender/internal/resources"
)

// Bounds of the heartbeat interval that is believed.
const (
	minHeartbeat = 100 * time.Millisecond
	maxHeartbeat = 10 * time.Minute
)

// dispatcher hands the events of one stream to the handler.
type dispatcher struct {
	client  *Client
	handler Handler
	stream  *stream
	cancel  context.CancelCauseFunc
	dog     *watchdog
	session *session // nil until SUBSCRIBED
	decoder *offerDecoder
}

// follow reads events until the stream ends, and returns why.
func (d *dispatcher) follow() error {
	records := newFrames(d.stream.body)
	for {
		size, err := records.next()
		if errors.Is(err, io.EOF) {
			return errStreamEnded
		}
		if err == nil {
			err = d.event(records, size)
		}
		if err != nil {
			return err
		}
	}
}

// event reads one event of that size and acts on it. After one that cannot be
// decoded, without which the picture is wrong as an offer or a rescind may be in
// it, all offers are given up with the subscription.
func (d *dispatcher) event(records *frames, size int64) error {
	// A short stream shows in what follows.
	start, _ := records.in.Peek(int(min(size, maxPrefix)))
	prefix, direct := offersPrefix(d.stream.codec, start, size)
	direct = direct && d.session != nil
	if direct && size >= bulkSize {
		d.dog.beat()
		d.client.metrics.events.WithLabelValues(scheduler.Event_OFFERS.String()).Inc()
		if _, err := records.in.Discard(prefix); err != nil {
			return fmt.Errorf("event stream: %w", unexpected(err))
		}
		return d.bulk(records.in, size-int64(prefix))
	}
	record, err := records.read(size)
	if err != nil {
		return fmt.Errorf("event stream: %w", err)
	}
	d.dog.beat()
	if direct {
		if offers, err := d.decoder.list(record[prefix:]); err == nil {
			d.client.metrics.events.WithLabelValues(scheduler.Event_OFFERS.String()).Inc()
			d.hand(offers)
			return nil
		}
	}
	event, known, err := decodeEvent(d.stream.codec, record)
	if err != nil {
		return fmt.Errorf("event stream: %w", err)
	}
	if !known {
		d.client.metrics.events.WithLabelValues("unknown").Inc()
		return nil
	}
	d.client.metrics.events.WithLabelValues(event.Type.String()).Inc()
	return d.dispatch(event)
}

func (d *dispatcher) dispatch(event *scheduler.Event) error {
	switch event.Type {
	case scheduler.Event_SUBSCRIBED:
		return d.subscribed(event.GetSubscribed())
	case scheduler.Event_ERROR:
		return errorEvent(event.GetError().GetMessage())
	case scheduler.Event_HEARTBEAT:
		return nil
	}
	if d.session == nil {
		return fmt.Errorf("event stream: %s before SUBSCRIBED", event.Type)
	}
	switch event.Type {
	case scheduler.Event_OFFERS:
		d.offers(event.GetOffers())
	case scheduler.Event_RESCIND:
		id := event.GetRescind().GetOfferID()
		d.session.offers.forget(id.Value)
		d.handler.Rescind(d.session.generation, id.Value)
	case scheduler.Event_INVERSE_OFFERS:
		list := event.GetInverseOffers().GetInverseOffers()
		for i := range list {
			d.handler.InverseOffer(d.session.generation, decodeInverseOffer(&list[i]))
		}
	case scheduler.Event_RESCIND_INVERSE_OFFER:
		id := event.GetRescindInverseOffer().GetInverseOfferID()
		d.handler.RescindInverseOffer(d.session.generation, id.Value)
	case scheduler.Event_UPDATE_OPERATION_STATUS:
		d.operationStatus(event.GetUpdateOperationStatus())
	case scheduler.Event_FAILURE:
		// With an executor ID only that executor failed, not the agent.
		if f := event.GetFailure(); f.GetAgentID() != nil && f.GetExecutorID() == nil {
			d.handler.AgentLost(f.AgentID.Value)
		}
	}
	return nil
}

func (d *dispatcher) offers(event *scheduler.Event_Offers) {
	list := event.GetOffers()
	offers := make([]*resources.Offer, len(list))
	for i := range list {
		offers[i] = decodeOffer(&list[i])
	}
	d.hand(offers)
}

func (d *dispatcher) operationStatus(event *scheduler.Event_UpdateOperationStatus) {
	if event == nil {
		return
	}
	status := decodeOperationStatus(&event.Status)
	d.client.guard.received(status)
	d.handler.OperationStatus(status)
}

func (d *dispatcher) subscribed(event *scheduler.Event_Subscribed) error {
	id := event.GetFrameworkID().GetValue()
	if id == "" || d.session != nil {
		return errors.New("event stream: SUBSCRIBED twice or without a framework ID")
	}
	heartbeat := heartbeatInterval(event.GetHeartbeatIntervalSeconds())
	d.dog.interval(heartbeat)
	d.dog.beat()
	d.session = &session{frameworkID: id, streamID: d.stream.id, base: d.stream.base, cancel: d.cancel}
	c := d.client
	c.enter(d.session)
	c.metrics.subscribed.Set(1)
	c.metrics.subscriptions.Inc()
	version := event.GetMasterInfo().GetVersion()
	c.log.Info("subscribed to Mesos", zap.String(logkeys.Master, d.stream.base), zap.String("version", version),
		zap.String(logkeys.FrameworkID, id), zap.Uint64(logkeys.Generation, d.session.generation))
	d.handler.Subscribed(Subscription{
		Generation: d.session.generation, FrameworkID: id, Master: d.stream.base,
		Version: version, Heartbeat: heartbeat,
	})
	return nil
}

// heartbeatInterval returns what the master tells, within reason.
func heartbeatInterval(seconds float64) time.Duration {
	if !(seconds > 0) {
		return defaultHeartbeat
	}
	return time.Duration(min(max(seconds, minHeartbeat.Seconds()), maxHeartbeat.Seconds()) * float64(time.Second))
}
