package simtest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap/zapcore"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/simtest/luck"
)

// story is what happened, in order. Lines are only made if somebody reads them.
type story struct {
	luck  *luck.Source
	began time.Time

	mu    sync.Mutex
	lines []line
}

type line struct {
	at   time.Duration
	text func() string
}

func (s *story) add(text func() string) {
	s.luck.Renew()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines = append(s.lines, line{time.Since(s.began), text})
}

func (s *story) tell(format string, args ...any) {
	s.add(func() string { return fmt.Sprintf(format, args...) })
}

// String is the story so far, a line each with the seconds since the start.
func (s *story) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out strings.Builder
	for _, l := range s.lines {
		fmt.Fprintf(&out, "%9.3fs  %s\n", l.at.Seconds(), l.text())
	}
	return out.String()
}

// logCore puts what one process logs into the story.
type logCore struct {
	story *story
	who   string
	level zapcore.Level
	with  []zapcore.Field
	seen  func(zapcore.Entry) // hears of everything, nil for nobody
}

func (c *logCore) Enabled(level zapcore.Level) bool { return level >= c.level }

func (c *logCore) With(fields []zapcore.Field) zapcore.Core {
	next := *c
	next.with = append(slices.Clone(c.with), fields...)
	return &next
}

func (c *logCore) Check(entry zapcore.Entry, checked *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if c.Enabled(entry.Level) {
		return checked.AddCore(entry, c)
	}
	return checked
}

func (c *logCore) Write(entry zapcore.Entry, fields []zapcore.Field) error {
	if c.seen != nil {
		c.seen(entry)
	}
	all := append(slices.Clone(c.with), fields...)
	c.story.add(func() string { return c.who + " " + entry.Level.CapitalString() + " " + entry.Message + text(all) })
	return nil
}

func (c *logCore) Sync() error { return nil }

// text is the fields in the order of their keys.
func text(fields []zapcore.Field) string {
	encoder := zapcore.NewMapObjectEncoder()
	for _, field := range fields {
		field.AddTo(encoder)
	}
	var out strings.Builder
	for _, key := range slices.Sorted(maps.Keys(encoder.Fields)) {
		fmt.Fprintf(&out, " %s=%v", key, encoder.Fields[key])
	}
	return out.String()
}
