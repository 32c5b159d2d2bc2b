package sampling

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kube-mesos-extender/kube-mesos-extender/internal/kube"
)

// long is longer than it takes until nodes without room are labelled.
const long = markAfter + surveyEvery + 5*time.Second

// Two of 120 nodes have room. The others are labelled, not before they had none
// for markAfter.
func TestNodesWithoutRoomAreLabelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 120)
		w.offerEach(0, 2)
		w.lead()
		w.pass(markAfter)
		w.wantLabels("too early", 0)
		w.pass(long - markAfter)
		w.wantLabels("in time", 118)
		w.wantLabel("with room", 0, false)
		w.wantLabel("with room", 1, false)
		if got := w.writes(); got != 118 {
			t.Errorf("%d writes, want one for each label", got)
		}
		if lines := w.logs.Len(); lines != 1 {
			t.Errorf("%d log lines, want one for the batch: %v", lines, w.logs.All())
		}
		w.pass(time.Hour)
		if got := w.writes(); got != 118 {
			t.Errorf("%d writes although nothing changed", got)
		}
	})
}

func TestNobodyIsLabelledWhereItDoesNotPay(t *testing.T) {
	tests := map[string]struct {
		nodes   int
		prepare func(*world)
	}{
		"idle":                            {120, func(w *world) { w.demanded.Store(false) }},
		"so few nodes that all are shown": {100, func(*world) {}},
		"a quarter has room":              {120, func(w *world) { w.offerEach(0, 30) }},
		"switched off":                    {120, func(w *world) { w.opts.Enabled = false }},
		"needed all the same": {120, func(w *world) {
			for i := range 120 {
				w.needed.Store(agentID(i), true)
			}
		}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, tt.nodes)
				tt.prepare(w)
				w.lead()
				w.pass(10 * time.Minute)
				if got := w.writes(); got != 0 {
					t.Errorf("%d writes, want none", got)
				}
			})
		})
	}
}

// One node less than a quarter with room, one node more than are shown anyway.
func TestLabelsPayFromHere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 101)
		w.offerEach(0, 25)
		w.lead()
		w.pass(long)
		w.wantLabels("24.8 % have room", 76)
	})
}

// What has had room a moment ago counts as having it: the share is that of a
// while, not of the instant at which all offers are in use.
func TestRoomOfLateCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 120)
		w.lead()
		for range 20 {
			w.offerEach(0, 60)
			w.pass(time.Second)
			for i := range 60 {
				w.lose(i)
			}
			w.pass(11 * time.Second)
		}
		if got := w.writes(); got != 0 {
			t.Errorf("%d writes although half of the nodes have room now and then", got)
		}
	})
}

func TestNotRoom(t *testing.T) {
	tests := map[string]func(*world){
		"a scrap":               func(w *world) { w.offer(7, amounts(5, 4096)) },
		"agent takes no pods":   func(w *world) { w.offerEach(7, 8); w.unusable.Store(agentID(7), true) },
		"agent unknown to us":   func(w *world) { w.nodes.ReplaceAgents(nil) },
		"offer of another role": func(w *world) { w.opts.Roles = []string{"batch"}; w.offerEach(7, 8) },
	}
	for name, prepare := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 120)
				prepare(w)
				w.lead()
				w.pass(long)
				w.wantLabel("after a while", 7, true)
			})
		})
	}
}

// Only time in which offers are demanded counts, and no label changes while
// nothing is demanded.
func TestIdleTimeDoesNotCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 120)
		w.lead()
		w.pass(20 * time.Second)
		w.demanded.Store(false)
		w.pass(time.Hour)
		w.wantLabels("idle for an hour", 0)
		for range 2 { // the moments of demand add up
			w.demanded.Store(true)
			w.pass(4 * time.Second)
			w.demanded.Store(false)
			w.pass(time.Minute)
		}
		w.wantLabels("demanded for 28 s", 0)
		w.demanded.Store(true)
		w.pass(2*time.Second + surveyEvery)
		w.wantLabels("demanded for 30 s and a survey", 120)
		w.demanded.Store(false)
		w.pass(time.Hour)
		w.wantLabels("idle again", 120)
	})
}

// A new subscription begins without offers, whatever the agents have.
func TestSubscriptionBeginsAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 120)
		w.lead()
		w.pass(25 * time.Second)
		w.cache.Reset(2)
		w.pass(25 * time.Second)
		w.wantLabels("25 s after the subscription", 0)
		w.pass(long)
		w.wantLabels("later", 120)
	})
}

// New labels come in batches, so that refused pods are tried now and then
// rather than all the time.
func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1200)
		w.lead()
		marked := 0
		for marked == 0 {
			w.pass(lookEvery)
			marked = len(w.labels())
		}
		if marked != perLook {
			t.Errorf("%d labels in the first look, want %d", marked, perLook)
		}
		w.pass(surveyEvery - lookEvery)
		w.wantLabels("first batch", perSurvey)
		w.pass(surveyEvery)
		w.wantLabels("second batch", 2*perSurvey)
		w.pass(surveyEvery)
		w.wantLabels("the rest", 1200)
	})
}

// What gets room, or is needed, before its turn in a batch is left alone.
func TestRoomBeforeItsTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1200)
		w.lead()
		for len(w.labels()) == 0 {
			w.pass(lookEvery)
		}
		var roomy []int
		for i := range 1200 {
			if !w.nodes.WithoutOffers(nodeName(i)) && len(roomy) < 250 {
				roomy = append(roomy, i)
				if i%2 == 0 {
					w.offer(i, plenty)
				} else {
					w.needed.Store(agentID(i), true)
				}
			}
		}
		w.pass(time.Second)
		for _, i := range roomy {
			if w.nodes.WithoutOffers(nodeName(i)) {
				t.Errorf("%s is labelled", nodeName(i))
			}
		}
	})
}

// The rest of a batch is not written when nothing is pending any more.
func TestIdleEndsABatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1200)
		w.lead()
		for len(w.labels()) == 0 {
			w.pass(lookEvery)
		}
		w.demanded.Store(false)
		w.pass(time.Hour)
		w.wantLabels("idle", perLook)
	})
}

// An agent that takes no pods has no room however often it offers something.
func TestOffersOfAnUnusableAgentAreNoRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 120)
		w.unusable.Store(agentID(7), true)
		w.lead()
		for range 10 {
			w.offer(7, plenty)
			w.pass(long / 20)
			w.lose(7)
			w.pass(long / 20)
		}
		w.wantLabel("after a while", 7, true)
	})
}

func TestLabelThatSomebodyElseTookOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 120)
		w.lead()
		w.pass(long)
		if err := kube.LabelWithoutOffers(t.Context(), w.cluster.Client(), nodeName(5), "uid-n5", false); err != nil {
			t.Fatal(err)
		}
		w.pass(long)
		w.wantLabel("again", 5, true)
	})
}

func TestFailedLabelIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 120)
		w.cluster.Fail("patch", "nodes", 60, errors.New("apiserver is down"))
		w.lead()
		w.pass(markAfter + 2*surveyEvery + time.Second)
		w.wantLabels("after the failure", 120)
		if lines := w.warnings(); len(lines) != 1 || !contains(lines, "apiserver is down") {
			t.Errorf("warnings %v, want one", lines)
		}
	})
}

// A node that gets room again and again is labelled ever later: at most four
// times as late.
func TestRestlessNodeIsLabelledLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 120)
		w.lead()
		w.pass(long)
		for _, wait := range []time.Duration{2, 4, 8, 8} {
			w.offer(5, plenty)
			w.pass(time.Second)
			w.wantLabel("with room", 5, false)
			w.lose(5)
			w.pass(wait*markAfter - time.Second)
			w.wantLabel("not yet", 5, false)
			w.pass(2*surveyEvery + 2*time.Second)
			w.wantLabel("in the end", 5, true)
		}
	})
}
