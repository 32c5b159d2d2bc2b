package simtest

import (
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/watch"
)

// listed opens the watch that goes on where a list of the resource ends, before
// the list is made: the fake clientset knows no resource versions to watch from.
func (g *gate) listed(resource string, open func() (watch.Interface, error)) error {
	source, err := open()
	if err != nil {
		return err
	}
	w := &slowWatch{
		gate: g, source: source, events: make(chan watch.Event), stopped: make(chan struct{}),
		arrived: make(chan struct{}, 1),
	}
	g.mu.Lock()
	former := g.next[resource]
	g.next[resource] = w
	g.mu.Unlock()
	if former != nil {
		former.Stop()
	}
	g.api.opened(w)
	g.api.busy.Go(w.gather)
	g.api.busy.Go(w.deliver)
	return nil
}

// watch goes on where the last list ended. After a watch that broke there must
// be another list first: the versions in between are compacted.
func (g *gate) watch(resource string) (watch.Interface, error) {
	select {
	case <-g.severed:
		return nil, errSevered
	default:
	}
	if fate := g.api.fate(g.who, "watch "+resource, ""); fate.err != nil {
		return nil, fate.err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	w := g.next[resource]
	if w == nil {
		return nil, apierrors.NewResourceExpired("the version is compacted")
	}
	delete(g.next, resource)
	return w, nil
}

// slowWatch delivers a watch's events late, in order.
type slowWatch struct {
	gate   *gate
	source watch.Interface
	events chan watch.Event

	once    sync.Once
	stopped chan struct{}
	arrived chan struct{} // queue is not empty

	mu    sync.Mutex
	queue []watch.Event
}

// Stop ends the watch for the one who reads it.
func (w *slowWatch) Stop() { w.once.Do(func() { close(w.stopped) }) }

// ResultChan is closed when the watch ends.
func (w *slowWatch) ResultChan() <-chan watch.Event { return w.events }

// gather empties the fake watch, which panics when 100 events wait.
func (w *slowWatch) gather() {
	defer func() {
		w.source.Stop()
		for range w.source.ResultChan() { // its own goroutine must get rid of what it has
		}
	}()
	for {
		select {
		case <-w.stopped:
			return
		case <-w.gate.severed:
			return
		case event, open := <-w.source.ResultChan():
			if !open {
				w.Stop()
				return
			}
			w.mu.Lock()
			w.queue = append(w.queue, event)
			w.mu.Unlock()
			select {
			case w.arrived <- struct{}{}:
			default:
			}
		}
	}
}

func (w *slowWatch) deliver() {
	defer close(w.events)
	defer w.gate.api.closed(w)
	for {
		select {
		case <-w.stopped:
			return
		case <-w.gate.severed:
			return
		case <-w.arrived:
		}
		time.Sleep(w.gate.api.lag(w.gate.who))
		w.mu.Lock()
		batch := w.queue
		w.queue = nil
		w.mu.Unlock()
		for _, event := range batch {
			select {
			case w.events <- event:
			case <-w.stopped:
				return
			case <-w.gate.severed:
				return
			}
		}
	}
}
