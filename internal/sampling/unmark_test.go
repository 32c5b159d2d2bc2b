package sampling

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/kube"
)

// marked is a world of 120 nodes that are all labelled, and its leader's end.
func marked(t *testing.T) (w *world, stop func()) {
	t.Helper()
	w = newWorld(t, 120)
	stop = w.lead()
	w.pass(long)
	w.wantLabels("at first", 120)
	return w, stop
}

// Labels go as soon as room appears, all in one look, and while nothing is
// demanded just the same.
func TestLabelGoesWithRoom(t *testing.T) {
	for _, demanded := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			w, _ := marked(t)
			w.demanded.Store(demanded)
			before := w.writes()
			w.offerEach(3, 43)
			w.pass(lookEvery)
			w.wantLabels("room on 40", 80)
			w.wantLabel("with room", 3, false)
			if got := w.writes() - before; got != 40 {
				t.Errorf("%d writes, want one for each label", got)
			}
			if got := w.logs.FilterField(outcome(removed)).Len(); got != 1 {
				t.Errorf("%d log lines, want one for the batch", got)
			}
			w.pass(time.Minute)
			if got := w.writes() - before; got != 40 {
				t.Errorf("%d writes in the end, want no more", got)
			}
		})
	}
}

func TestMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _ := marked(t)
		w.offerEach(0, 1)
		w.pass(time.Second)
		for to, want := range map[string]float64{none: 120, removed: 1} {
			if got := testutil.ToFloat64(w.manager.metrics.writes.WithLabelValues(to)); got != want {
				t.Errorf("%v writes to %s, want %v", got, to, want)
			}
		}
		if got := w.nodes.CountWithoutOffers(); got != 119 {
			t.Errorf("%d nodes labelled, want 119", got)
		}
	})
}

// What a former leader has labelled is known by the labels.
func TestNextLeaderTakesLabelsOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, stop := marked(t)
		stop()
		w.cache.Reset(2)
		w.pass(time.Minute)
		w.lead()
		w.pass(time.Second)
		w.wantLabels("new leader without offers", 120)
		w.offerEach(0, 2)
		w.pass(lookEvery)
		w.wantLabels("room on two", 118)
	})
}

// Offers that came before the leader's first look are seen too.
func TestNextLeaderFindsRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, stop := marked(t)
		stop()
		w.offerEach(0, 2)
		w.lead()
		w.pass(lookEvery)
		w.wantLabels("room on two", 118)
	})
}

func TestSwitchedOffTakesAllLabelsOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, stop := marked(t)
		stop()
		w.opts.Enabled = false
		w.demanded.Store(false)
		w.cluster.Fail("patch", "nodes", 7, errors.New("apiserver is down"))
		w.lead()
		w.pass(2 * time.Second)
		w.wantLabels("switched off", 0)
		if got := w.nodes.surveys.Load(); got > 10 {
			t.Errorf("%d surveys", got)
		}
	})
}

func TestFailedRemovalIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _ := marked(t)
		w.cluster.Fail("patch", "nodes", 3, errors.New("apiserver is down"))
		w.offerEach(0, 2)
		w.pass(retryAfter)
		w.wantLabels("while it fails", 120)
		w.pass(2 * retryAfter)
		w.wantLabels("in the end", 118)
		if lines := w.warnings(); len(lines) != 2 || !contains(lines, "apiserver is down") {
			t.Errorf("warnings %v, want two", lines)
		}
	})
}

// An answer that was lost leaves the label off: writing it again changes nothing.
func TestLostAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _ := marked(t)
		w.cluster.LoseAnswer("patch", "nodes", 1, errors.New("connection reset"))
		w.offerEach(0, 1)
		w.pass(5 * retryAfter)
		w.wantLabels("in the end", 119)
	})
}

// The room is gone before its label is: nothing is written any more.
func TestRoomThatWentAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _ := marked(t)
		w.cluster.Fail("patch", "nodes", 1, errors.New("apiserver is down"))
		w.offerEach(0, 1)
		w.pass(lookEvery)
		w.lose(0)
		before := w.writes()
		w.pass(time.Minute)
		w.wantLabels("in the end", 120)
		if got := w.writes() - before; got != 0 {
			t.Errorf("%d writes for room that is gone", got)
		}
	})
}

// What makes a node worth showing beside its offers is looked at when told, at
// the latest by the next survey.
func TestReasonsBesideOffers(t *testing.T) {
	const soon = soonest + 2*lookEvery
	tests := map[string]struct {
		before, then func(*world)
		within       time.Duration
	}{
		"agent takes pods again": {
			func(w *world) { w.unusable.Store(agentID(0), true); w.offerEach(0, 1) },
			func(w *world) { w.unusable.Delete(agentID(0)); w.manager.Reconsider() }, soon,
		},
		"agent takes pods again, nobody tells": {
			func(w *world) { w.unusable.Store(agentID(0), true); w.offerEach(0, 1) },
			func(w *world) { w.unusable.Delete(agentID(0)) }, surveyEvery,
		},
		"needed": {func(*world) {}, func(w *world) { w.needed.Store(agentID(0), true); w.manager.Reconsider() }, soon},
		"agent found": {
			func(w *world) {
				w.nodes.ReplaceAgents([]kube.AgentIdentity{{ID: agentID(0), Hostname: "elsewhere"}})
				w.offerEach(0, 1)
			},
			func(w *world) { w.nodes.SetAgent(kube.AgentIdentity{ID: agentID(0), Hostname: nodeName(0)}) }, soon,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, _ := marked(t)
				tt.before(w)
				w.pass(time.Minute)
				w.wantLabel("before", 0, true)
				w.awaitSurvey()
				w.pass(soonest) // the next survey is still far
				tt.then(w)
				w.pass(tt.within)
				w.wantLabel("after", 0, false)
			})
		})
	}
}

// awaitSurvey lets time go by until a survey has just been made.
func (w *world) awaitSurvey() {
	for before := w.nodes.surveys.Load(); w.nodes.surveys.Load() == before; {
		w.pass(lookEvery)
	}
}

// Room comes before the informer has told of the label.
func TestRoomRightAfterTheLabel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 120)
		w.nodes.late.Store(true)
		w.lead()
		for len(w.labels()) == 0 {
			w.pass(lookEvery)
		}
		w.offerEach(0, 1)
		w.pass(lookEvery)
		w.wantLabel("with room", 0, false)
	})
}

// A node that is made anew under its name has no label, and one that is gone
// needs none taken off.
func TestNodesComeAndGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _ := marked(t)
		for i := range 2 {
			if err := w.cluster.Client().CoreV1().Nodes().Delete(t.Context(), nodeName(i), metav1.DeleteOptions{}); err != nil {
				t.Fatal(err)
			}
		}
		w.offerEach(0, 3)
		w.pass(time.Second)
		w.wantLabels("two gone, room on a third", 117)
		if lines := w.warnings(); len(lines) != 0 {
			t.Errorf("warnings %v", lines)
		}
	})
}

// Where nothing happens no node is looked at but in the rare survey.
func TestQuiet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 120)
		w.demanded.Store(false)
		w.lead()
		w.pass(time.Hour)
		if got := w.nodes.surveys.Load(); got != 0 {
			t.Errorf("%d surveys of an idle cluster without labels", got)
		}
		w.demanded.Store(true)
		w.pass(time.Hour)
		if got := w.nodes.surveys.Load(); got < 350 || got > 361 {
			t.Errorf("%d surveys in an hour, want one every %s", got, surveyEvery)
		}
	})
}
