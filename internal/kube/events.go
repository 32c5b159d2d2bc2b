package kube

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	"k8s.io/utils/lru"
)

const (
	// reportingController is who Events come from.
	reportingController = "kube-mesos-extender"
	// eventAction is what the extender was doing, for every Event.
	eventAction = "Scheduling"
	// quiet is how long an Event is not repeated for the same pod.
	quiet = 2 * time.Minute
	// maxRecent bounds the memory of recent Events.
	maxRecent = 10_000
	// maxNote is the longest note that events.k8s.io/v1 accepts, in bytes.
	maxNote = 1024
)

// Events tells a pod's owner what became of it. The same Event about the same
// pod is sent once in a while, not at every attempt of kube-scheduler.
type Events struct {
	broadcaster events.EventBroadcaster
	recorder    events.EventRecorder
	clock       clock.PassiveClock
	recent      *lru.Cache // recentKey → time.Time when it was sent
}

// recentKey is what makes two Events the same.
type recentKey struct{ podUID, kind, reason, note string }

// NewEvents makes the recorder; nothing is sent before Run.
func NewEvents(client kubernetes.Interface, clk clock.PassiveClock) *Events {
	broadcaster := events.NewBroadcaster(&events.EventSinkImpl{Interface: client.EventsV1()})
	return &Events{
		broadcaster: broadcaster,
		recorder:    broadcaster.NewRecorder(scheme.Scheme, reportingController),
		clock:       clk,
		recent:      lru.New(maxRecent),
	}
}

// Run sends Events until ctx ends.
func (e *Events) Run(ctx context.Context) error {
	if err := e.broadcaster.StartRecordingToSinkWithContext(ctx); err != nil {
		return fmt.Errorf("send events: %w", err)
	}
	<-ctx.Done()
	e.broadcaster.Shutdown()
	return nil
}

// Warn tells of something that keeps the pod from running. Reason is one word
// in camel case; reason and note are constant texts without amounts.
func (e *Events) Warn(pod *corev1.Pod, reason, note string) {
	e.send(pod, corev1.EventTypeWarning, reason, note)
}

// Normal tells of something that went as it should.
func (e *Events) Normal(pod *corev1.Pod, reason, note string) {
	e.send(pod, corev1.EventTypeNormal, reason, note)
}

// send never blocks. The reference leaves out the pod's resource version:
// client-go would count Events of different versions as different.
func (e *Events) send(pod *corev1.Pod, kind, reason, note string) {
	key := recentKey{podUID: string(pod.UID), kind: kind, reason: reason, note: note}
	now := e.clock.Now()
	if sent, ok := e.recent.Get(key); ok && now.Sub(sent.(time.Time)) < quiet {
		return
	}
	e.recent.Add(key, now)
	e.recorder.Eventf(&corev1.ObjectReference{
		Kind: "Pod", APIVersion: "v1", Namespace: pod.Namespace, Name: pod.Name, UID: pod.UID,
	}, nil, kind, reason, eventAction, "%s", note[:min(len(note), maxNote)])
}
