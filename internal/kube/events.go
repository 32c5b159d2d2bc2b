package kube

import (
	"sync"
	"time"

	"go.uber.org/zap"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/record/util"
	"k8s.io/utils/clock"
	"k8s.io/utils/lru"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/logkeys"
)

const (
	// reportingController is who Events come from.
	reportingController = "kube-mesos-extender"
	// eventAction is what the extender was doing, for every Event.
	eventAction = "Scheduling"
	// quiet is how long an Event is only counted when it happens again.
	quiet = 2 * time.Minute
	// maxRecent and maxQueued bound what is remembered and what waits to be
	// sent. An Event that finds the queue full is dropped.
	maxRecent, maxQueued = 10_000, 1000
	// maxNote is the longest note that events.k8s.io/v1 accepts, in bytes.
	maxNote = 1024
)

// Events tells a pod's owner what became of it, as events.k8s.io/v1 Events. The
// same Event about the same pod is written at most once per quiet time, however
// often kube-scheduler tries. client-go's recorder would start a goroutine for
// each Event and keep it for minutes while the kube-apiserver is down; this one
// has one goroutine, a bounded queue, and gives an Event up after one failure.
type Events struct {
	client   kubernetes.Interface
	instance string // which replica reports
	log      *zap.Logger
	clock    clock.PassiveClock
	queue    chan report

	mu     sync.Mutex // guards the rest
	recent *lru.Cache // eventKey → *occurrence
	named  int64      // Events named so far: two may happen at the same time
}

// eventKey is what makes two Events the same.
type eventKey struct{ podUID, kind, reason, note string }

// occurrence is what is remembered of an Event.
type occurrence struct {
	name  string // of the Event object
	count int32  // how often it happened
	wrote time.Time
}

// report is one write to make: a new Event, or a higher count of an old one.
type report struct {
	event *eventsv1.Event
	again bool
}

// NewEvents makes the recorder; nothing is sent before Run. Instance names the
// replica, at most 128 bytes.
func NewEvents(client kubernetes.Interface, instance string, log *zap.Logger, clk clock.PassiveClock) *Events {
	return &Events{
		client: client, instance: instance, log: log, clock: clk,
		queue: make(chan report, maxQueued), recent: lru.New(maxRecent),
	}
}

// Warn tells of something that keeps the pod from running. Reason is in camel
// case; reason and note are constant texts without amounts. It never blocks.
func (e *Events) Warn(pod *corev1.Pod, reason, note string) {
	e.report(pod, corev1.EventTypeWarning, reason, note)
}

// Normal tells of something that went as it should. It never blocks.
func (e *Events) Normal(pod *corev1.Pod, reason, note string) {
	e.report(pod, corev1.EventTypeNormal, reason, note)
}

func (e *Events) report(pod *corev1.Pod, kind, reason, note string) {
	note = note[:min(len(note), maxNote)]
	now := e.clock.Now()
	seen, due := e.count(pod, eventKey{podUID: string(pod.UID), kind: kind, reason: reason, note: note}, now)
	if !due {
		return
	}
	event := &eventsv1.Event{
		ObjectMeta:          metav1.ObjectMeta{Namespace: pod.Namespace, Name: seen.name},
		EventTime:           metav1.NewMicroTime(now),
		ReportingController: reportingController,
		ReportingInstance:   e.instance,
		Action:              eventAction,
		Type:                kind,
		Reason:              reason,
		Note:                note,
		Regarding: corev1.ObjectReference{
			Kind: "Pod", APIVersion: "v1", Namespace: pod.Namespace, Name: pod.Name, UID: pod.UID,
		},
	}
	if seen.count > 1 {
		event.Series = &eventsv1.EventSeries{Count: seen.count, LastObservedTime: metav1.NewMicroTime(now)}
	}
	select {
	case e.queue <- report{event: event, again: seen.count > 1}:
	default:
		e.log.Debug("event dropped: too many wait to be sent", zap.String(logkeys.Pod, Key(pod)))
	}
}

// count notes one more occurrence and reports whether it is to be written.
func (e *Events) count(pod *corev1.Pod, key eventKey, now time.Time) (seen occurrence, due bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	known, ok := e.recent.Get(key)
	last, isOccurrence := known.(*occurrence)
	if !ok || !isOccurrence {
		e.named++
		last = &occurrence{name: util.GenerateEventName(pod.Name, now.UnixNano()+e.named)}
		e.recent.Add(key, last)
	}
	last.count++
	if due = last.count == 1 || now.Sub(last.wrote) >= quiet; due {
		last.wrote = now
	}
	return *last, due
}
