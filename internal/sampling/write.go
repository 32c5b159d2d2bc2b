package sampling

import (
	"context"
	"sync"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/logkeys"
)

const (
	// perSurvey and perLook bound the new labels: 50 a second on average, but in
	// one go every ten seconds, because each write has every refused pod tried
	// again, and a trickle would never let it rest. A look writes only so many
	// that it does not keep labels waiting that are to go.
	perSurvey = 500
	perLook   = 125
	// putters and takers bound the writes side by side.
	putters = 8
	takers  = 16
	// writeTimeout bounds one write.
	writeTimeout = 5 * time.Second
	// retryAfter is the time until labels are taken off again after a failure.
	retryAfter = time.Second
)

// takeOff takes off the labels that are to go: all at once, so that refused pods
// are tried once.
func (m *Manager) takeOff(ctx context.Context, now time.Time) {
	if len(m.leave) == 0 || now.Before(m.retry) {
		return
	}
	var names []string
	for name := range m.leave {
		// The room may have gone again while writes failed.
		if m.labelled(name) && (!m.opts.Enabled || m.worthShowing(name)) {
			names = append(names, name)
		}
	}
	clear(m.leave)
	for _, name := range m.write(ctx, names, false, takers) {
		m.leave[name] = true
		m.retry = now.Add(retryAfter)
	}
	for _, name := range names {
		if !m.leave[name] {
			m.flaps[name]++
		}
	}
}

// putOn labels the next nodes that still have no room. What fails is found by a
// later survey.
func (m *Manager) putOn(ctx context.Context) {
	next := m.enter[:min(len(m.enter), perLook)]
	m.enter = m.enter[len(next):]
	var names []string
	for _, name := range next {
		// Room that came meanwhile has ended the node's time.
		if _, lacks := m.lacking[name]; lacks && !m.labelled(name) && !m.worthShowing(name) {
			names = append(names, name)
		}
	}
	m.write(ctx, names, true, putters)
}

// write writes the label of these nodes and returns those where that failed.
func (m *Manager) write(ctx context.Context, names []string, without bool, atOnce int) (failed []string) {
	if len(names) == 0 {
		return nil
	}
	started := m.deps.Clock.Now()
	var mu sync.Mutex // guards failed, problem and written
	var problem error
	var writes errgroup.Group
	writes.SetLimit(atOnce)
	for _, name := range names {
		writes.Go(func() error {
			err := m.writeOne(ctx, name, without)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				m.written[name] = without
				return nil
			}
			failed, problem = append(failed, name), err // the latest stands for all
			return nil
		})
	}
	_ = writes.Wait()     // failures are in failed
	if ctx.Err() == nil { // else the next leader goes on
		m.tell(without, len(names)-len(failed), len(failed), problem, m.deps.Clock.Since(started))
	}
	return failed
}

// writeOne writes one label.
func (m *Manager) writeOne(ctx context.Context, name string, without bool) error {
	node, ok := m.deps.Nodes.Node(name)
	if !ok {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	if err := m.deps.Label(ctx, name, node.UID, without); err != nil {
		return err
	}
	m.metrics.writes.WithLabelValues(to(without)).Inc()
	m.deps.Log.Debug("label of a node written", zap.String(logkeys.Node, name), zap.String(logkeys.Outcome, to(without)))
	return nil
}

// tell logs a batch of writes.
func (m *Manager) tell(without bool, written, failed int, problem error, took time.Duration) {
	fields := []zap.Field{zap.String(logkeys.Outcome, to(without)), zap.Float64(logkeys.Duration, took.Seconds())}
	if written > 0 {
		m.deps.Log.Info("nodes labelled by whether they have offers", append(fields, zap.Int(logkeys.Count, written))...)
	}
	if failed > 0 {
		m.deps.Log.Warn("nodes not labelled by whether they have offers, trying again",
			append(fields, zap.Int(logkeys.Count, failed), zap.Error(problem))...)
	}
}
