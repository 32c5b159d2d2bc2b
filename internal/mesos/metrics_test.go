package mesos

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
	"k8s.io/utils/clock"
)

// counted returns every counter and gauge, by name and labels, and the number
// of observations of every histogram.
func counted(t *testing.T, reg *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	out := make(map[string]float64)
	for _, family := range families {
		for _, m := range family.GetMetric() {
			var name strings.Builder
			name.WriteString(strings.TrimPrefix(family.GetName(), "mesos_extender_mesos_"))
			for _, label := range m.GetLabel() {
				name.WriteString(" " + label.GetValue())
			}
			out[name.String()] = m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return out
}

func TestMetricsAndLogsOfASession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var net network
		master := &fakeMaster{t: t, answer: func(w http.ResponseWriter, _ *http.Request, call *scheduler.Call) bool {
			if call.Type != scheduler.Call_SUPPRESS {
				return false
			}
			http.Error(w, "no", http.StatusBadRequest)
			return true
		}}
		net.serve(t, "m1:5050", master)
		core, logs := observer.New(zapcore.InfoLevel)
		reg := prometheus.NewRegistry()
		cfg := testConfig("m1:5050")
		cfg.Credentials = &Credentials{Principal: "me", Secret: "hunter2"}
		c, err := newClient(cfg, zap.New(core), reg, clock.RealClock{}, net.dial)
		if err != nil {
			t.Fatal(err)
		}
		run := start(t, c, "", &diary{})
		synctest.Wait()
		master.send(1, offersEvent("S0", "O0"), &scheduler.Event{Type: 99})
		synctest.Wait()
		roles := []string{"k8s"}
		if err := errors.Join(c.Revive(t.Context(), roles), c.Revive(t.Context(), roles)); err != nil {
			t.Error(err)
		}
		if err := c.Suppress(t.Context(), roles); err == nil {
			t.Error("suppress passed")
		}
		if err := c.Revive(t.Context(), []string{"*"}); !errors.Is(err, ErrDeadly) {
			t.Error(err)
		}
		if got := counted(t, reg)["subscribed"]; got != 1 {
			t.Errorf("subscribed %v", got)
		}
		time.Sleep(2 * time.Minute) // silence
		run.cancel()
		synctest.Wait()
		want := map[string]float64{
			"subscribed": 0, "subscriptions_total": 2, "watchdog_timeouts_total": 1,
			"calls_total 200 SUBSCRIBE": 2, "calls_total 202 REVIVE": 2, "calls_total 400 SUPPRESS": 1, "calls_total refused REVIVE": 1,
			"call_duration_seconds SUBSCRIBE": 2, "call_duration_seconds REVIVE": 2, "call_duration_seconds SUPPRESS": 1,
			"events_total SUBSCRIBED": 2, "events_total OFFERS": 1, "events_total unknown": 1,
		}
		if diff := cmp.Diff(want, counted(t, reg)); diff != "" {
			t.Errorf("metrics (-want +got):\n%s", diff)
		}
		var lines []string
		for _, entry := range logs.All() {
			reason := entry.ContextMap()["error"]
			lines = append(lines, strings.TrimSuffix(fmt.Sprint(entry.Message, ": ", reason), ": <nil>"))
			if text := fmt.Sprint(entry.ContextMap()); strings.Contains(text, "hunter2") {
				t.Errorf("the secret is logged: %s", text)
			}
		}
		wantLines := []string{
			"subscribed to Mesos", "unsubscribed from Mesos: heartbeats missed",
			"subscribed to Mesos", "unsubscribed from Mesos: context canceled",
		}
		if diff := cmp.Diff(wantLines, lines); diff != "" {
			t.Errorf("log at Info (-want +got):\n%s", diff)
		}
	})
}
