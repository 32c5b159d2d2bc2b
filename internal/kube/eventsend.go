package kube

import (
	"context"
	"encoding/json"

	"go.uber.org/zap"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/logkeys"
)

// Run sends Events until ctx ends.
func (e *Events) Run(ctx context.Context) error {
	failing := false // only the first of a row of failures is a warning
	for {
		select {
		case <-ctx.Done():
			return nil
		case next := <-e.queue:
			err := within(ctx, func(ctx context.Context) error { return e.send(ctx, next) })
			if err != nil && !failing && ctx.Err() == nil {
				e.log.Warn("event not sent", zap.Error(err), zap.String(logkeys.Component, "events"))
			}
			failing = err != nil
		}
	}
}

// send writes one report. The Event of a series that has expired meanwhile (the
// kube-apiserver keeps Events for an hour) is made anew.
func (e *Events) send(ctx context.Context, next report) error {
	events := e.client.EventsV1().Events(next.event.Namespace)
	if next.again {
		patch, err := json.Marshal(map[string]*eventsv1.EventSeries{"series": next.event.Series})
		if err != nil {
			return err
		}
		_, err = events.Patch(ctx, next.event.Name, types.MergePatchType, patch, metav1.PatchOptions{})
		if !apierrors.IsNotFound(err) {
			return err
		}
	}
	_, err := events.Create(ctx, next.event, metav1.CreateOptions{})
	return err
}
